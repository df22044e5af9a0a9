import type { Command } from 'commander'
import type { Add } from './work.ts'

/** The commands that read the ledger and mend it. */
export function addLedger(program: Command, add: Add): void {
  const sandboxed = (command: Command) => command.option('--sandbox', 'the ledger of the sandbox')
  sandboxed(
    add(program, 'log', 'show what each run did, and what became of rows', async (call) =>
      (await import('./log.ts')).log(call),
    )
      .option('--sync <name>', 'only this sync, also one that the project no longer has')
      .option('--person <identifier>', 'the rows of one person: a profile id, type:value, or a value')
      .option('--outcome <word>', 'written, accepted, refused, quarantined, unknown, left, removed or owed')
      .option('--since <time>', 'since 30m, 24h, 7d, 2w or a date')
      .option('--limit <number>', 'how many runs, and how many rows', '20')
      .option('--show-values', 'show personal values, on a terminal only'),
  )
  sandboxed(
    add(program, 'unlock', 'take the lease of a sync from a run that will not end', async (call) =>
      (await import('./unlock.ts')).unlock(call),
    )
      .argument('<sync>', 'its name')
      .option('--force', 'even where the process that holds it still runs'),
  )
  sandboxed(
    add(program, 'retry', 'make refused rows due: the next run sends them', async (call) =>
      (await import('./retry.ts')).retry(call),
    ).option('--compliance', 'also persons whom the vendor refuses, such as those who unsubscribed there'),
  )
  const state = program.command('state').description('look into the ledger of a sync, and mend it')
  sandboxed(
    add(state, 'show', 'what the ledger holds of every sync', async (call) => (await import('./state.ts')).show(call)),
  )
  sandboxed(
    add(state, 'reset', 'forget what a destination acknowledged: everything is sent again', async (call) =>
      (await import('./state.ts')).reset(call),
    )
      .argument('<sync>', 'its name')
      .option('--yes', 'do it: rows that the destination holds can then not be removed any more'),
  )
  sandboxed(
    add(state, 'adopt', 'take over what a destination holds as acknowledged, sending nothing', async (call) =>
      (await import('./adopt.ts')).adopt(call),
    )
      .argument('<sync>', 'its name')
      .option('--from-destination', 'read the destination back, and compare')
      .option('--from-file <path>', "another tool's export of the keys that it sent, CSV or NDJSON")
      .option('--key-column <names...>', 'the columns of that file that hold the key'),
  )
  sandboxed(
    add(state, 'rekey', 'move rows from the key that a sync had to the one that it has', async (call) =>
      (await import('./rekey.ts')).rekey(call),
    ).argument('<sync>', 'its name'),
  )
  sandboxed(
    add(program, 'verify', 'read a random sample of acknowledged rows back, and compare', async (call) =>
      (await import('./verify.ts')).verify(call),
    )
      .argument('<sync>', 'its name')
      .option('--sample <number>', 'how many rows', '100'),
  )
  sandboxed(
    add(program, 'reconcile', 'read everything back: the next run mends what differs', async (call) =>
      (await import('./verify.ts')).reconcile(call),
    ).argument('<sync>', 'its name'),
  )
}
