import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openEnvironment } from '../../src/commands/world.ts'
import type { Environment, Request } from '../../src/environment.ts'
import { run } from '../../src/pipeline.ts'
import { readProject } from '../../src/project/read.ts'
import { test as unitTests } from '../../src/tests.ts'
import { type Copy, copyProject } from '../../test/support/cli.ts'

describe('audiences', () => {
  let project: Copy
  let opened: ReturnType<typeof openEnvironment>

  beforeAll(async () => {
    project = await copyProject(import.meta.dirname)
    opened = openEnvironment(() => undefined, new AbortController().signal)
  })
  afterAll(async () => {
    await opened.close()
    await project.remove()
  })

  test('every audience is right for the rows of its unit test', async () => {
    const report = await unitTests(request(), environment(), { unit: true, data: false })
    expect(report.tests.filter(({ status }) => status !== 'pass')).toEqual([])
    expect(report.exit_code).toBe(0)
  })

  test('every audience has a unit test with somebody who is in it and somebody who is not', async () => {
    const { project: found } = await readProject({ directory: project.directory, env: {}, registries: environment() })
    const expected = [...(found?.unitTests.tests.values() ?? [])].flatMap((one) => one.expect)
    const isAsked = (segment: string, isIn: boolean) =>
      expected.some((one) => one.kind === 'member' && one.segment === segment && one.isIn === isIn)
    const names = [...(found?.segments.keys() ?? [])]
    expect(names.length).toBeGreaterThanOrEqual(22)
    expect(names.filter((name) => !isAsked(name, true) || !isAsked(name, false))).toEqual([])
  })

  test('every audience takes at most 15 lines', () => {
    for (const { name, lines } of audiences()) expect([name, lines.split('\n').length <= 15]).toEqual([name, true])
  })

  test('a run finds somebody for each, and writes the lists of the syncs', async () => {
    const report = await run(request(), environment())
    expect(report.errors).toEqual([])
    expect(report.segments.filter(({ members }) => members === 0)).toEqual([])
    expect(readFileSync(join(project.directory, 'out/basket_reminders.csv'), 'utf8').trim().split('\n')).toEqual([
      'email,first_name,basket_at',
      'agathe@courriel.example,Agathe,2026-03-14T09:00:00Z',
    ])
  })

  function environment(): Environment {
    return opened.environment
  }

  function request(): Request {
    return {
      directory: project.directory,
      target: undefined,
      ...{ vars: {}, now: undefined, select: [], exclude: [] },
      ...{ sandbox: false, dryRun: false, maxChanges: undefined },
    }
  }
})

/** The entries of audiences.yaml as they are written, without the comments between them. */
function audiences(): readonly { readonly name: string; readonly lines: string }[] {
  const entries = text('models/audiences.yaml').split(/^ {2}(?=\w+:$)/m)
  return entries.slice(1).map((entry) => {
    const written = entry.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('#'))
    return { name: written[0]?.replace(':', '') ?? '', lines: written.join('\n') }
  })
}

function text(path: string): string {
  return readFileSync(join(import.meta.dirname, path), 'utf8')
}
