import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Change } from '../../src/connectors/connector.ts'
import { connectors } from '../../src/connectors/index.ts'
import type { Environment, Request } from '../../src/environment.ts'
import { run } from '../../src/pipeline.ts'
import { apply, plan } from '../../src/plan.ts'
import type { PlanFile } from '../../src/plan-report.ts'
import type { Clock } from '../../src/world.ts'
import { ALL } from '../support/all.ts'
import { addresses, consentShop, type Said, sayAll } from '../support/consent-shop.ts'
import { held, inSandbox, runInSandbox, smallShop } from '../support/small-shop.ts'

// What people say after the plan was made; told by the emulated vendors themselves.

async function everybodySays(status: string): Promise<readonly Said[]> {
  return (await addresses(await smallShop())).map((email) => ({ email, status }))
}

/** Some withdraw later than all that was said before. */
function withdrawn(said: readonly Said[], emails: readonly string[]): readonly Said[] {
  return [...said, ...emails.map((email) => ({ email, status: 'no', at: '2026-10-20 09:00:00' }))]
}

const withoutConsents = (directory: string) => rm(join(directory, 'data/consents.csv'))

type Ran = Awaited<ReturnType<typeof applied>>

const readers = (one: Pick<Ran, 'holdings'>) => Object.keys(held(one).newsletter ?? {})
const mail = (one: Ran) => one.calls.filter(({ destination }) => destination === 'newsletter')
const outcomeOf = ({ report }: Ran, name: string) => report.syncs.find((sync) => sync.name === name)

async function planned(directory: string): Promise<PlanFile> {
  const how = { keep: true, showValues: false }
  const { report } = await inSandbox(directory, (request, environment) => plan(request, environment, how))
  if (report.plan === undefined) throw new Error(JSON.stringify(report.errors))
  return report.plan
}

function applied(directory: string, file: PlanFile, override = false) {
  return inSandbox(directory, (request, environment) => apply(request, environment, { file, override }))
}

describe('between a plan and its apply', () => {
  test('who withdraws is not sent, who agrees only now is not added, and nothing whole is replaced', async () => {
    const late = { email: 'oscar.02@mail.example', status: 'yes', at: '2026-10-20 09:00:00' }
    const everybody = await everybodySays('yes')
    const said = everybody.map((one) => (one.email === late.email ? { ...one, status: 'no' } : one))
    const directory = await consentShop(said)
    const file = await planned(directory)
    const gone = ['hugo.01@mail.example', 'chloe.04@mail.example', ...said.slice(2, 4).map(({ email }) => email)]
    await sayAll(directory, [...withdrawn(said, gone), late])
    const one = await applied(directory, file)
    expect(readers(one).filter((email) => [...gone, late.email].includes(email))).toEqual([])
    expect(outcomeOf(one, 'readers_to_newsletter')).toMatchObject({ status: 'ok', again: 0 })
    const { written = 0, withheld } = outcomeOf(one, 'readers_to_newsletter') ?? {}
    expect(readers(one)).toHaveLength(written)
    expect(written + (withheld?.consent ?? 0)).toBe(40)
    expect(written).toBeLessThan(39)
    // Somebody of the file has withdrawn, too: it waits, and the next run writes it without them.
    expect(one.files).toEqual([])
    expect(one.report.exit_code).toBe(3)
    const next = await runInSandbox(directory)
    expect(next.report).toMatchObject({ exit_code: 0, errors: [] })
    expect(next.files).not.toEqual([])
    expect(readers(next)).toContain(late.email)
  })

  test.each([
    ['has no rows any more', (directory: string) => sayAll(directory, []), 'has no rows'],
    ...(ALL
      ? ([
          ['is gone', withoutConsents, 'could not be read'],
          [
            'is something else',
            (directory: string) => writeFile(join(directory, 'data/consents.csv'), 'a,b\n1,2\n'),
            'could not be read',
          ],
        ] as const)
      : []),
    [
      'has only old rows',
      async (directory: string) =>
        sayAll(
          directory,
          (await everybodySays('yes')).map((one) => ({ ...one, at: '2026-08-01 09:00:00' })),
        ),
      'older than 60 days',
    ],
  ] as const)('nothing is sent where the source of consents %s', async (_, spoil, words) => {
    const directory = await consentShop(await everybodySays('yes'))
    const file = await planned(directory)
    await spoil(directory)
    const one = await applied(directory, file)
    expect(mail(one)).toEqual([])
    expect(one.files).toEqual([])
    expect(one.report).toMatchObject({ exit_code: 4, status: 'blocked' })
    const told = one.report.errors.filter(({ code }) => code === 'sync/guard')
    expect(told).toHaveLength(2)
    for (const { message, fix } of told) {
      expect(message).toContain(words)
      expect(message).toContain('"consents"')
      expect(fix).toContain('the next run sends what is owed')
    }
    // Those who are contacted under a contract are sent all the same.
    expect(outcomeOf(one, 'vips_to_crm')).toMatchObject({ status: 'ok', written: 14 })
    await sayAll(directory, await everybodySays('yes'))
    expect((await runInSandbox(directory)).report).toMatchObject({ exit_code: 0, errors: [] })
  })

  test('consents that were too old for the plan, and were overridden, do not stop it again', async () => {
    const said = (await everybodySays('yes')).map((one) => ({ ...one, at: '2026-08-01 09:00:00' }))
    const directory = await consentShop(said)
    const file = await planned(directory)
    expect(file.blocked).toBe(true)
    await sayAll(
      directory,
      withdrawn(said, [said[0]?.email ?? '']).map((one) => ({ ...one, at: '2026-08-02 09:00:00' })),
    )
    const one = await applied(directory, file, true)
    expect(outcomeOf(one, 'readers_to_newsletter')).toMatchObject({ status: 'ok', withheld: { consent: 1 } })
    expect(readers(one)).not.toContain(said[0]?.email)
    expect(readers(one).length).toBeGreaterThan(30)
  })
})

test('who withdraws in the middle of a run is in no window that begins after that', async () => {
  const said = await everybodySays('yes')
  const directory = await consentShop(said)
  const sent: { readonly window: number; readonly emails: readonly string[] }[] = []
  const gone = said.filter((_, index) => index % 6 === 0).map(({ email }) => email.toLowerCase())
  const watched = (batch: readonly Change[], window: number) => {
    sent.push({ window, emails: batch.map(({ key }) => String(Object.values(key)[0]).toLowerCase()) })
    return sent.length === 1 ? sayAll(directory, withdrawn(said, gone)) : undefined
  }
  const one = await inSandbox(directory, narrow(watched))
  expect(sent[0]?.window).toBe(0)
  const late = sent.filter(({ window }) => window > 0).flatMap(({ emails }) => emails)
  expect(late.length).toBeGreaterThan(5)
  expect(late.filter((email) => gone.includes(email))).toEqual([])
  // The vendor's own memory says the same.
  const first = sent.filter(({ window }) => window === 0).flatMap(({ emails }) => emails)
  const there = readers(one).map((email) => email.toLowerCase())
  expect(there.filter((email) => gone.includes(email) && !first.includes(email))).toEqual([])
  const sync = outcomeOf(one, 'readers_to_newsletter')
  expect(sync).toMatchObject({ status: 'ok', written: there.length, again: 0, refused: 0 })
  expect((sync?.written ?? 0) + (sync?.withheld.consent ?? 0)).toBe(40)
  expect(sync?.withheld.consent).toBeGreaterThan(1)
  // Those who were sent before they withdrew are taken out by the next run.
  const next = await runInSandbox(directory)
  expect(readers(next).filter((email) => gone.includes(email.toLowerCase()))).toEqual([])
})

/** A run of the newsletter alone, in windows of fifteen people, on a clock that jumps over every wait. */
function narrow(watch: (batch: readonly Change[], window: number) => Promise<void> | undefined) {
  const known = connectors()
  const mailchimp = known.get('mailchimp')
  if (mailchimp === undefined) throw new Error('no mailchimp')
  let wait: Clock['sleep'] = async () => undefined
  const limit = { rows: 5, bytes: 1_000_000, calls: 4, perMs: 20_000, inFlight: 1 }
  const slow: typeof mailchimp = {
    ...mailchimp,
    limits: () => ({ upsert: limit, remove: limit }),
    open: (account, io) => {
      const channel = mailchimp.open(account, io)
      return {
        ...channel,
        send: async (batch, into, slot) => {
          const receipts = await channel.send(batch, into, slot)
          await watch(batch, slot.window)
          // As long as a reading is believed.
          await wait(20_000)
          return receipts
        },
      }
    },
  }
  return (request: Request, environment: Environment) => {
    const { world } = environment
    const clock = hasty(world.clock)
    wait = clock.sleep
    const select = ['sync:readers_to_newsletter']
    return run(
      { ...request, select },
      {
        ...environment,
        connectors: new Map([...known, ['mailchimp', slow]]),
        world: { ...world, clock },
      },
    )
  }
}

function hasty(clock: Clock): Clock {
  let skipped = 0
  return {
    now: () => clock.now() + skipped,
    wall: clock.wall,
    sleep: async (ms, signal) => {
      if (!signal?.aborted) skipped += ms
      await new Promise(setImmediate)
    },
  }
}
