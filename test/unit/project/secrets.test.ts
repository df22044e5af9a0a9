// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${…}` of YAML files is what this file is about
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { standIn } from '../../../src/connectors/connector.ts'
import { CdpError } from '../../../src/error.ts'
import { openAccount, openTarget } from '../../../src/project/secrets.ts'
import { secretFiles } from '../../../src/project/variables.ts'
import { mask, Secret } from '../../../src/secret.ts'
import { MISTAKES } from '../../fixtures/mistakes.ts'
import { ALL } from '../../support/all.ts'
import { diagnose, diagnoseOnce, ENV, read } from '../../support/shop.ts'

const noFiles = () => undefined

/** Literals in the shapes of real credentials, none of them real. */
const TOKENS = [
  ...[
    'xoxb-',
    'xoxp-',
    'sk_live_',
    'sk_test_',
    'rk_live_',
    'ghp_',
    'gho_',
    'glpat-',
    'AKIA',
    'ASIA',
    'AIza',
    'ya29.',
    'EAAB',
  ],
  ...[
    'SG.',
    'key-',
    'pat-na1-',
    'npm_',
    'dop_v1_',
    'shpat_',
    'hf_',
    'sq0atp-',
    'Bearer ',
    'Basic ',
    'token:',
    'secret=',
    'xapp-',
  ],
]
  .map((prefix, index) => `${prefix}canary${String(index).padStart(2, '0')}Zz9`)
  .concat([
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.canary27',
    '0123456789abcdefcanary28',
    'canary29-us6',
    'hunter2canary30',
    '$canary31',
    '${canary32',
    'a${env:POST_TOKEN}canary33',
    '${env:POST_TOKEN}canary34',
    '${var:limit}canary35',
    'postgres://user:canary36@host/db',
    'canary37 with blanks',
    '12345678',
    'true',
    '-----BEGIN KEY-----\ncanary40',
  ])

describe('a literal in a secret field', () => {
  test.each(TOKENS)('%j is refused and not shown', async (token) => {
    const text = `destinations:\n  d:\n    type: letters\n    token: ${JSON.stringify(token)}\n    wieght: 3\n`
    const found = await diagnose({ 'destinations/more.yaml': text })
    const literal = found.filter((one) => one.code === 'project/literal-secret')
    expect(literal).toMatchObject([{ at: { file: 'destinations/more.yaml', line: 4, column: 13 } }])
    expect(JSON.stringify(found)).not.toContain(token)
    expect(JSON.stringify(found)).not.toContain('canary')
  })

  test('is hidden in every line that shows it', async () => {
    const text =
      'destinations:\n  d: { type: letters, token: canary-1, wieght: 3, proxy: { host: h, password: canary-2 } }\n'
    const found = await diagnose({ 'destinations/more.yaml': text })
    expect(found.map((one) => one.code)).toEqual([
      'project/literal-secret',
      'project/unknown-key',
      'project/literal-secret',
    ])
    expect(JSON.stringify(found)).not.toContain('canary')
  })

  test('is hidden when it is a block of lines', async () => {
    const text = 'destinations:\n  d:\n    type: letters\n    token: |\n      canary-1\n      canary-2\n'
    expect(JSON.stringify(await diagnose({ 'destinations/more.yaml': text }))).not.toContain('canary')
  })
})

test('no mistake makes a secret visible', async () => {
  // Everyday every fourth: all of them are told by mistakes.test.ts, where no secret is.
  for (const { files } of MISTAKES.filter((_, at) => ALL || at % 4 === 0))
    expect(JSON.stringify(await diagnoseOnce(files))).not.toContain(ENV.POST_TOKEN)
})

describe('an account', () => {
  test('keeps its references until it is opened', async () => {
    const { project } = await read({})
    const post = project?.destinations.get('post')
    expect(post?.account).toEqual({ token: '${env:POST_TOKEN}' })
    expect(JSON.stringify(project?.destinations.get('post'))).not.toContain(ENV.POST_TOKEN)
    const opened = openAccount({ account: post?.account, secrets: post?.secrets ?? [] }, ENV, noFiles)
    expect((opened.account as { token: string }).token).toBe(ENV.POST_TOKEN)
  })

  test('shows no secret when it is printed or serialised', async () => {
    const { project } = await read({})
    const { account, secrets } = openAccount(project?.destinations.get('post') ?? { account: {} }, ENV, noFiles)
    for (const shown of [
      inspect(account),
      JSON.stringify({ account }),
      `${account}`,
      inspect(secrets),
      JSON.stringify(secrets),
    ])
      expect(shown).not.toContain(ENV.POST_TOKEN)
    expect(mask(`a ${ENV.POST_TOKEN} b ${Buffer.from(ENV.POST_TOKEN).toString('base64')}`, secrets)).not.toMatch(
      /canary|Y2FuYXJ5/,
    )
  })

  test('names everything that is unset, each at its place', async () => {
    const text =
      'destinations:\n  d:\n    type: letters\n    token: "${env:A}"\n    office: x-${env:B}\n    proxy: { host: h, password: "${file:c}" }\n'
    const { project, diagnostics } = await read({ 'destinations/more.yaml': text })
    expect(diagnostics.map((one) => [one.severity, one.code, one.at?.line])).toEqual(
      [4, 5, 6].map((line) => ['warning', 'project/unset-variable', line]),
    )
    const error = thrown(() => openAccount(project?.destinations.get('d') ?? { account: {} }, {}, noFiles))
    expect(error.who).toBe('project')
    expect(error.diagnostics.map((one) => [one.code, one.at?.line, one.message])).toEqual([
      ['project/unset-variable', 4, 'The environment variable "A" is not set.'],
      ['project/unset-variable', 5, 'The environment variable "B" is not set.'],
      ['project/unset-variable', 6, 'The file "c" cannot be read.'],
    ])
  })

  test('has stand-ins in the sandbox, by which accounts are told apart', async () => {
    const text = 'destinations:\n  d: { type: letters, token: "${env:A}", office: "x-${env:B}" }\n'
    const { project, diagnostics } = await read({ 'destinations/more.yaml': text }, { sandbox: true })
    expect(diagnostics).toEqual([])
    const { account } = openAccount(project?.destinations.get('d') ?? { account: {} }, {}, noFiles, { sandbox: true })
    expect({ ...(account as object) }).toEqual({ token: standIn('A'), office: `x-${standIn('B')}` })
  })

  test('says nothing of what is unset where the destination is not written', async () => {
    const text = 'destinations:\n  d: { type: letters, token: "${env:A}", targets: [prod] }\n'
    const config =
      'name: x\nwarehouse: local\nwarehouses:\n  local: { type: duckdb, path: ":memory:" }\n  prod: { type: cloud, account: "${env:B}", password: "${env:C}" }\nvars: { limit: 1 }\n'
    const files = { 'destinations/more.yaml': text, 'cdp.config.yaml': config }
    expect(await diagnose(files)).toEqual([])
    const found = await diagnose(files, { target: 'prod' })
    expect(found.map((one) => [one.severity, one.message])).toEqual([
      ['warning', 'The environment variable "B" is not set.'],
      ['warning', 'The environment variable "C" is not set.'],
      ['warning', 'The environment variable "A" is not set.'],
    ])
    const { project } = await read(files, { target: 'prod' })
    expect(thrown(() => openTarget(project?.target ?? { options: {} }, {}, noFiles)).diagnostics.length).toBe(2)
    const { account } = openTarget(project?.target ?? { options: {} }, { B: 'b', C: 'c' }, noFiles)
    expect({ ...(account as object) }).toEqual({ account: 'b', password: 'c' })
  })

  test('a number that is unset is an error where it stands, because nothing can wait for it', async () => {
    const found = await diagnose({
      'destinations/more.yaml':
        'destinations:\n  d: { type: letters, token: "${env:POST_TOKEN}", weight: "${env:W}" }\n',
    })
    expect(found.map((one) => one.severity)).toContain('error')
    expect(new Set(found.map((one) => one.code))).toEqual(new Set(['project/unset-variable']))
  })
})

test('a file is read without the line break at its end', () => {
  expect(secretFiles('/')('dev/null')).toBe('')
  expect(secretFiles('/nowhere')('x')).toBeUndefined()
})

test('a secret shows itself to nobody', () => {
  const one = new Secret('canary')
  expect(`${one} ${JSON.stringify({ one })} ${inspect(one)}`).toBe('[secret] {"one":"[secret]"} [secret]')
  expect(one.reveal()).toBe('canary')
})

function thrown(run: () => unknown): CdpError {
  try {
    run()
  } catch (error) {
    if (error instanceof CdpError) return error
  }
  throw new Error('nothing was thrown')
}
