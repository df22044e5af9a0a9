// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${…}` of YAML files is what this file is about
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Copy, cdp, emptyFolder, jsonOf } from '../support/cli.ts'

test('the unit tests of the sample pass', async () => {
  const { code, stdout } = await cdp(['test', '--unit', '--quiet'])
  expect(stdout).toMatch(/^7 tests passed\. /)
  expect(code).toBe(0)
})

describe('cdp test --unit', () => {
  let copy: Copy

  beforeAll(async () => {
    copy = await emptyFolder()
    await cdp(['init'], { cwd: copy.directory })
    // A target that cannot be opened: unit tests must not care.
    await edit('cdp.config.yaml', 'path: .cdp/warehouse.duckdb', 'path: "${env:NOT_SET}"')
    await edit('data/orders.csv', 'order_id', 'no_such_column')
  })
  afterAll(() => copy.remove())

  const edit = async (file: string, from: string, to: string) => {
    const path = join(copy.directory, file)
    const text = await readFile(path, 'utf8')
    expect(text).toContain(from)
    await writeFile(path, text.replace(from, to))
  }
  const run = (...args: string[]) => cdp(['test', '--unit', ...args], { cwd: copy.directory })

  test('the tests of a new project pass, whatever its target and its files are', async () => {
    const { code, stdout } = await run()
    expect(stdout.replace(/[\d.]+ s\.\n$/, '')).toBe(`Unit tests
  pass  100 euros make a big spender
  pass  who shares a phone is one person

2 tests passed. `)
    expect(code).toBe(0)
  })

  test('a test that fails is exit code 1, and stands in the document of --json', async () => {
    await edit('models/tests.yaml', 'amount: 40', 'amount: 39')
    const outcome = await run('--json', '--select', 'segment:big_*')
    expect(outcome.code).toBe(1)
    expect(jsonOf(outcome)).toMatchObject({
      version: 1,
      command: 'test',
      status: 'failed',
      exit_code: 1,
      tests: [
        {
          kind: 'unit',
          name: '100 euros make a big spender',
          file: 'models/tests.yaml',
          line: 3,
          status: 'fail',
          ms: expect.any(Number),
          failures: [
            {
              file: 'models/tests.yaml',
              line: 12,
              kind: 'member',
              segment: 'big_spenders',
              who: 'anna@mail.example',
              expected: 'in',
              got: 'out',
              decided: [
                {
                  text: 'lifetime_value >= ${var:big_spender}',
                  file: 'models/customers.yaml',
                  verdict: false,
                  values: [{ name: 'lifetime_value', value: '99' }],
                },
              ],
            },
          ],
        },
      ],
    })
  })

  test('a name that no test bears is a mistake in the arguments', async () => {
    const { code, stderr } = await run('--select', '100 euros make a big spendr')
    expect(code).toBe(2)
    expect(stderr).toContain('Did you mean "100 euros make a big spender"?')
  })

  test('a wrong project is exit code 2', async () => {
    await edit('models/tests.yaml', 'came_once:', 'came_twice:')
    const { code, stderr } = await run()
    expect(code).toBe(2)
    expect(stderr).toContain('Segment or entity "came_twice" is not defined.')
  })
})
