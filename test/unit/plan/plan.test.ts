import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { apply, plan } from '../../../src/plan.ts'
import type { PlanFile, PlanReport } from '../../../src/plan-report.ts'
import type { Report } from '../../../src/report.ts'
import { editOn, expectedOn, GROUNDS, type Ground } from '../../support/ground.ts'
import { changeMuch, held, inSandbox, journals, runInSandbox, SANDBOX } from '../../support/small-shop.ts'

const planning = (directory: string, keep = true) =>
  inSandbox(directory, (request, environment) => plan(request, environment, { keep, showValues: false }))

const applying = (directory: string, file: PlanFile, override = false) =>
  inSandbox(directory, (request, environment) => apply(request, environment, { file, override }))

function fileOf({ plan: file }: PlanReport): PlanFile {
  if (file === undefined) throw new Error('the plan was not kept')
  return file
}

/** By sync: how many rows enter, change and leave. */
function moves({
  syncs,
}: {
  readonly syncs: readonly { name: string; creates: number; updates: number; removes: number }[]
}) {
  return Object.fromEntries(syncs.map((one) => [one.name, [one.creates, one.updates, one.removes]]))
}

function problems({ errors }: Pick<Report, 'errors'>): readonly string[] {
  return errors.filter(({ severity }) => severity === 'error').map(({ code, message }) => `${code}: ${message}`)
}

/** Everything that others read, as text. */
async function published(ground: Ground, directory: string): Promise<string> {
  const query = "select table_name as name from information_schema.views where table_schema = 'cdp' order by 1"
  const views = await ground.ask(directory, query)
  const rows = await Promise.all(views.map(({ name }) => ground.ask(directory, `select * from cdp.${name}`)))
  return JSON.stringify([views, rows.map((all) => all.map((row) => JSON.stringify(row)).sort())])
}

describe.each(GROUNDS)('on $title', (ground) => {
  const filled = ground.filled()

  describe('a plan', () => {
    test('shows what a run does then, and changes nothing that anybody sees', async () => {
      const shop = await filled()
      await changeMuch(shop)
      await ground.refresh(shop)
      const [before, sent] = [await published(ground, shop), await journals(shop)]
      const { report, writes } = await planning(shop, false)
      expect(report).toMatchObject({ command: 'plan', status: 'ok', exit_code: 0, errors: [] })
      expect(report.plan).toBeUndefined()
      expect(writes).toBe(0)
      expect(await published(ground, shop)).toBe(before)
      expect(await journals(shop)).toEqual(sent)
      const tables =
        "select count(*)::int as n from information_schema.tables where table_name like 'b2%' or table_name like 'plan%'"
      expect(await ground.ask(shop, tables)).toMatchObject([{ n: 1 }])
      const run = await runInSandbox(shop)
      expect(moves(run.report)).toEqual(moves(report))
      expect(run.report.segments).toEqual(report.segments)
      // A run makes a login and a look-up besides.
      for (const { name, calls } of run.report.syncs) {
        const foreseen = report.syncs.find((one) => one.name === name)?.estimate?.calls ?? Number.NaN
        expect([0, 1], name).toContain(calls - foreseen)
      }
    })

    test('shows a few people of each kind, and hides what says who they are', async () => {
      const shop = await filled()
      await changeMuch(shop)
      await ground.refresh(shop)
      const { report } = await planning(shop)
      const newsletter = report.syncs.find(({ name }) => name === 'readers_to_newsletter')
      expect(newsletter?.sample.map(({ op }) => op)).toEqual([
        'remove',
        'remove',
        'remove',
        'create',
        'create',
        'update',
        'update',
        'update',
      ])
      for (const row of newsletter?.sample ?? []) expect(row.key).toEqual({ email: '[hidden]' })
      expect(newsletter?.sample.find(({ op }) => op === 'create')?.fields).toMatchObject({
        FNAME: '[hidden]',
        CITY: expect.stringMatching(/^[A-Z]/),
      })
      const emails = await ground.ask(shop, 'select email, first_name from cdp.customer where email is not null')
      const text = JSON.stringify(report)
      for (const { email, first_name: name } of emails) {
        expect(text).not.toContain(email)
        expect(text).not.toContain(`"${name}"`)
      }
    })

    test('needs no secrets: nobody is asked anything', async () => {
      const shop = await ground.create()
      const { report } = await inSandbox(shop, (_, { world, ...environment }) =>
        plan(
          { ...SANDBOX, sandbox: false, directory: shop },
          { ...environment, world: { ...world, env: {} } },
          { keep: false, showValues: false },
        ),
      )
      expect(report).toMatchObject({ status: 'ok', exit_code: 0, sandbox: false })
      expect(moves(report)).toMatchObject({ vips_to_crm: [14, 0, 0] })
    })
  })

  describe('a plan that is applied', () => {
    test('gives every vendor exactly what was planned; what changed since comes with the next run', async () => {
      const shop = await filled()
      await changeMuch(shop)
      await ground.refresh(shop)
      const { report } = await planning(shop)
      // A reader who moves after the plan was made.
      await editOn(ground, shop, 'people', 'P010', { newsletter: 'yes', city: 'Brest' })
      const applied = await applying(shop, fileOf(report))
      expect(problems(applied.report)).toEqual([])
      expect(applied.report).toMatchObject({ command: 'apply', status: 'ok', exit_code: 0 })
      expect(moves(applied.report)).toEqual(moves(report))
      expect(held(applied)).toEqual(await expectedOn(ground, shop))
      const next = await runInSandbox(shop)
      expect(moves(next.report)).toMatchObject({ readers_to_newsletter: [0, 1, 0], vips_to_crm: [0, 0, 0] })
      expect(held(next)).toEqual(await expectedOn(ground, shop))
      expect((await runInSandbox(shop)).writes).toBe(0)
    })

    test('can be the first thing that ever happens to a project', async () => {
      const shop = await ground.create()
      const { report } = await planning(shop)
      expect(fileOf(report)).toMatchObject({ base_build: null, blocked: false })
      const applied = await applying(shop, fileOf(report))
      expect(applied.report.status).toBe('ok')
      expect(held(applied)).toEqual(await expectedOn(ground, shop))
      expect((await runInSandbox(shop)).writes).toBe(0)
    })

    test('is refused a second time', async () => {
      const shop = await filled()
      const { report } = await planning(shop)
      expect((await applying(shop, fileOf(report))).report.exit_code).toBe(0)
      const again = await applying(shop, fileOf(report))
      expect(again.report.exit_code).toBe(2)
      expect(problems(again.report)[0]).toMatch(/^plan\/stale: The plan was applied already/)
    })
  })

  test('a plan is stale as soon as anything moved, and then nothing is published or sent', async () => {
    const shop = await filled()
    await changeMuch(shop)
    await ground.refresh(shop)
    const file = fileOf((await planning(shop)).report)
    const before = [await published(ground, shop), await journals(shop)]
    const refused = async (asked = file): Promise<string> => {
      const { report, writes } = await applying(shop, asked)
      expect(report).toMatchObject({ exit_code: 2, status: 'failed', syncs: [] })
      expect(writes).toBe(0)
      expect([await published(ground, shop), await journals(shop)]).toEqual(before)
      return problems(report).join('\n')
    }
    expect(await refused({ ...file, plan_id: 'plan-of-another-place' })).toContain('knows nothing of the plan')

    await ground.tell(shop, "update _cdp.plan set made_at = made_at - interval '48 hours 1 minute'")
    expect(await refused()).toContain('more than 48 hours old')
    await ground.tell(shop, "update _cdp.plan set made_at = made_at + interval '48 hours 1 minute'")

    const tables = "select table_name from information_schema.tables where table_name like 'b%_plan_readers%'"
    const [kept] = await ground.ask(shop, tables)
    await ground.tell(shop, `update _cdp.${kept?.table_name} set payload = payload || ' ' where seq = 5`)
    expect(await refused()).toContain('is no longer there, or not what it was')
    await ground.tell(shop, `update _cdp.${kept?.table_name} set payload = trim(payload) where seq = 5`)

    const path = join(shop, 'models/customer.yaml')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('spent >= 300', 'spent >= 299'))
    expect(await refused()).toContain('The project has changed since the plan was made.')
    // Written otherwise, it is the project that was planned.
    await writeFile(path, `# a remark\n\n${text.replace('spent >= 300', '"spent >= 300"')}`)

    const fence = "where sync_id = 'vips_to_crm'"
    await ground.tell(shop, `update _cdp_sandbox.sync set fence = fence + 1 ${fence}`)
    expect(await refused()).toContain('"vips_to_crm" was sent by another run since the plan was made')
    await ground.tell(shop, `update _cdp_sandbox.sync set fence = fence - 1 ${fence}`)

    // What was refused so often took no lease: the plan is as good as when it was made.
    const applied = await applying(shop, file)
    expect(applied.report).toMatchObject({ exit_code: 0, status: 'ok' })
    expect(held(applied)).toEqual(await expectedOn(ground, shop))
    const again = fileOf((await planning(shop)).report)
    await runInSandbox(shop)
    before.splice(0, 2, await published(ground, shop), await journals(shop))
    expect(await refused(again)).toContain('Another build was published since the plan was made, by run ')
  })

  describe('guards', () => {
    async function emptied(): Promise<string> {
      const shop = await filled()
      const path = join(shop, 'models/customer.yaml')
      await writeFile(path, (await readFile(path, 'utf8')).replace('newsletter = yes', 'newsletter = nobody'))
      return shop
    }

    test('that would stop a run stop an apply, too, unless it names the plan; then it is remembered', async () => {
      const shop = await emptied()
      const { report } = await planning(shop)
      expect(report).toMatchObject({ exit_code: 4, status: 'blocked' })
      expect(report.syncs.find(({ name }) => name === 'readers_to_newsletter')).toMatchObject({
        status: 'blocked',
        removes: 40,
      })
      const file = fileOf(report)
      expect(file.blocked).toBe(true)
      const before = [await published(ground, shop), await journals(shop)]
      const stopped = await applying(shop, file)
      expect(stopped.report).toMatchObject({ exit_code: 4, status: 'blocked', syncs: [] })
      expect(problems(stopped.report)).toEqual([
        expect.stringMatching(/^sync\/guard: "readers_to_newsletter" was not sent. The audience is empty/),
      ])
      expect([await published(ground, shop), await journals(shop)]).toEqual(before)
      const overridden = await applying(shop, file, true)
      expect(overridden.report).toMatchObject({ exit_code: 0, status: 'ok' })
      expect(held(overridden).newsletter).toEqual({})
      const events =
        "select detail from _cdp_sandbox.run_event where sync_id = 'readers_to_newsletter' and event = 'done' order by happened_at desc limit 1"
      expect(await ground.ask(shop, events)).toEqual([
        { detail: expect.stringMatching(`^overridden by ${file.plan_id}: empty_audience: The audience is empty`) },
      ])
    })

    test('of identity are told by the plan, and hold for the apply', async () => {
      const shop = await ground.create()
      const path = join(shop, 'models/customer.yaml')
      const text = await readFile(path, 'utf8')
      await writeFile(
        path,
        text.replace(
          '  customer:\n    identifiers:',
          '  customer:\n    guard: { max_profile_size: 5 }\n    identifiers:',
        ),
      )
      const { report } = await planning(shop)
      expect(report.exit_code).toBe(4)
      expect(problems(report)[0]).toMatch(/^identity\/guard/)
      const file = fileOf(report)
      expect(file.blocked).toBe(true)
      const stopped = await applying(shop, file)
      expect(stopped.report.exit_code).toBe(4)
      expect(stopped.writes).toBe(0)
      const overridden = await applying(shop, file, true)
      expect(overridden.report.exit_code).toBe(0)
      expect(held(overridden)).toEqual(await expectedOn(ground, shop))
    })
  })
})
