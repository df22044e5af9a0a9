// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the text of sources
// Small mutations of the code that sends and of the SQL that remembers. Each breaks one promise; the tests named with it
// must notice. `from` stands exactly once in the file.

const SYNC = 'src/sync/'
const SQL = 'src/compile/'

/** The tests by which most are found, the fastest first. */
const UNITS = ['test/unit/sync/engine.test.ts', 'test/unit/sync/consent.test.ts', 'test/unit/sync/revoked.test.ts']
const RATES = ['test/unit/sync/pace.test.ts', 'test/unit/sync/rate.test.ts']
const SIMULATION = ['test/simulation/simulation.test.ts']
const EQUALITY = ['test/simulation/equality.test.ts']
const LEDGER = ['test/simulation/sql-ledger.test.ts']

export const CODE_MUTANTS = [
  {
    name: 'a window is sent before it is declared',
    file: `${SYNC}send.ts`,
    from: `      if (delivery.ending || !(await flush(delivery, last.seq))) break
      await sendWindow({ job, delivery, rows: allowed, limit: limits[kind], window, running, progress })
`,
    to: `      await sendWindow({ job, delivery, rows: allowed, limit: limits[kind], window, running, progress })
      if (delivery.ending || !(await flush(delivery, last.seq))) break
`,
    tests: [UNITS, SIMULATION],
  },
  {
    name: 'creations do not wait for the removals before them',
    file: `${SYNC}send.ts`,
    from: 'if (lastKind !== undefined && lastKind !== kind) await Promise.all(running)',
    to: '',
    tests: [UNITS, SIMULATION],
  },
  {
    name: 'who may not be contacted any more is sent with the window',
    file: `${SYNC}send.ts`,
    from: 'rows: allowed,',
    to: 'rows,',
    tests: [UNITS],
  },
  {
    name: 'a source of consents that is gone is believed',
    file: `${SYNC}revoked.ts`,
    from: 'if (unfit !== undefined && !overridden)',
    to: 'if (unfit !== undefined && overridden)',
    tests: [UNITS],
  },
  {
    name: 'a whole is replaced though somebody in it has withdrawn',
    file: `${SYNC}revoked.ts`,
    from: '(now?.refused ?? 0) === 0',
    to: '(now?.refused ?? 0) >= 0',
    tests: [UNITS],
  },
  {
    name: 'a reading of consents is believed for ever',
    file: `${SYNC}revoked.ts`,
    from: 'world.clock.now() - readAt <= timing.windowMs',
    to: 'world.clock.now() - readAt >= 0',
    tests: [UNITS],
  },
  {
    name: 'a fenced holder confesses nothing',
    file: `${SYNC}checkpoint.ts`,
    from: 'else await this.#lost(covered)',
    to: 'else this.#fenced = true',
    tests: [UNITS, SIMULATION],
  },
  {
    name: 'a lease is never renewed between flushes',
    file: `${SYNC}checkpoint.ts`,
    from: 'if (this.#clock.now() < this.#renewAt) return true',
    to: 'if (this.#clock.now() < Number.POSITIVE_INFINITY) return true',
    tests: [UNITS, SIMULATION],
  },
  {
    name: 'the hold of an ambiguous attempt is not written down',
    file: `${SYNC}checkpoint.ts`,
    from: '...(holdUntil !== undefined && { hold: Math.max(0, holdUntil - now) }),',
    to: '',
    tests: [UNITS, SIMULATION],
  },
  {
    name: 'an answer ends the hold of an ambiguous attempt before it',
    file: `${SYNC}deliver.ts`,
    from: "const held = row.ambiguousUntil !== undefined && fate.outcome !== 'unsent'",
    to: "const held = row.ambiguousUntil !== undefined && fate.outcome === 'unknown'",
    tests: [UNITS, SIMULATION],
  },
  {
    name: 'a request that may have landed counts as not sent',
    file: `${SYNC}deliver.ts`,
    from: "if (trouble.applied === 'maybe') ambiguous(delivery, rows)",
    to: '',
    tests: [UNITS, SIMULATION],
  },
  {
    name: 'too few receipts are taken for those of the first rows',
    file: `${SYNC}deliver.ts`,
    from: 'if (receipts.length !== rows.length) {',
    to: 'if (receipts.length > rows.length) {',
    tests: [UNITS, SIMULATION],
  },
  {
    name: 'a lost job counts as one that did nothing',
    file: `${SYNC}poll.ts`,
    from: "code: 'job_lost', applied: 'maybe'",
    to: "code: 'job_lost', applied: 'no'",
    tests: [UNITS, SIMULATION],
  },
  {
    name: 'neighbours that were told different things share an ack',
    file: `${SYNC}batch.ts`,
    from: 'a.outcome === b.outcome &&',
    to: '',
    tests: [UNITS, RATES, SIMULATION],
  },
  {
    name: 'bisection gives up the second half',
    file: `${SYNC}bisect.ts`,
    from: '[rows.slice(0, middle), rows.slice(middle)]',
    to: '[rows.slice(0, middle)]',
    tests: [RATES, UNITS],
  },
  {
    name: 'a run that was fenced drops the plan of the one that took over',
    file: `${SYNC}engine.ts`,
    from: 'if (isOurs) await ledger.finish(checkpoint.lease, event)',
    to: 'if (isOurs || event) await ledger.finish(checkpoint.lease, event)',
    tests: [UNITS, SIMULATION],
  },
  {
    name: 'what guards say is not heard',
    file: `${SYNC}engine.ts`,
    from: 'if (breaches.length > 0 && !override) {',
    to: 'if (breaches.length > 0 && override) {',
    tests: [UNITS, ['test/unit/sync/guard.test.ts']],
  },
  {
    name: 'a whole is replaced while an earlier replacement may still land',
    file: `${SYNC}engine.ts`,
    from: 'if (counts.onHold > 0 || owed.creates',
    to: 'if (owed.creates',
    tests: [UNITS, SIMULATION],
  },
  {
    name: 'a kept plan is sent though another run came between',
    file: `${SYNC}kept.ts`,
    from: 'if (lease.fence !== plan.fence + 1 || left > 0)',
    to: 'if (left > 0)',
    tests: [UNITS, ['test/unit/plan/plan.test.ts']],
  },
  {
    name: 'a whole is replaced before that is declared',
    file: `${SYNC}whole.ts`,
    from: 'if (await checkpoint.flush(changes)) {',
    to: 'if (await checkpoint.flush()) {',
    tests: [UNITS, SIMULATION],
  },
  {
    name: 'SQL: the last change of an intent is not in it',
    file: `${SQL}ledger-merge.ts`,
    from: "when p.seq <= i.seq_hi then 'unknown'",
    to: "when p.seq < i.seq_hi then 'unknown'",
    tests: [EQUALITY],
  },
  {
    name: 'SQL: an old plan overwrites what a newer fence learnt',
    file: `${SQL}ledger-merge.ts`,
    from: 'or s.last_fence < n.fence',
    to: 'or s.last_fence <> n.fence',
    tests: [LEDGER, EQUALITY],
  },
  {
    name: 'SQL: a repeated merge changes what it had changed',
    file: `${SQL}ledger-merge.ts`,
    from: "(s.last_fence = n.fence and s.state = 'unknown' and n.outcome = 'written')",
    to: '(s.last_fence = n.fence)',
    tests: [LEDGER, EQUALITY],
  },
  {
    name: 'SQL: an ok does not win over other answers',
    file: `${SQL}ledger-merge.ts`,
    from: "case when ${dialect.anyRow(sql`a.outcome = 'written'`)} then 'written' else min(a.outcome) end as outcome",
    to: 'min(a.outcome) as outcome',
    tests: [LEDGER, EQUALITY],
  },
  {
    name: 'SQL: an unknown row is held from now, not from the last possible send',
    file: `${SQL}ledger-merge.ts`,
    from: 'sql`max(s.sends_end)`',
    to: 'dialect.clock()',
    tests: [EQUALITY],
  },
  {
    name: 'SQL: a removal that was confirmed leaves the row synced',
    file: `${SQL}ledger-landing.ts`,
    from: "[sql`n.is_removed`, sql`'tomb'`],",
    to: '',
    tests: [LEDGER, EQUALITY],
  },
  {
    name: 'SQL: a row in doubt keeps its fingerprint',
    file: `${SQL}ledger-landing.ts`,
    from: "[sql`n.is_removed or n.is_uncertain or n.outcome = 'forgotten'`, sql`null`],",
    to: "[sql`n.is_removed or n.outcome = 'forgotten'`, sql`null`],",
    tests: [LEDGER, EQUALITY],
  },
  {
    name: 'SQL: match keys that may have been sent are forgotten',
    file: `${SQL}ledger-landing.ts`,
    from: "[sql`n.is_uncertain or n.outcome = 'submitted'`, bothIdents(dialect)],",
    to: '',
    tests: [EQUALITY],
  },
  {
    name: 'SQL: a hold keeps nothing back',
    file: `${SQL}changes.ts`,
    from: "when d.hold_until > ${dialect.clock()} then 'held'",
    to: "when d.hold_until < ${dialect.clock()} then 'held'",
    tests: [EQUALITY],
  },
  {
    name: 'SQL: a key that several people claim is sent',
    file: `${SQL}changes.ts`,
    from: 'having count(*) > 1',
    to: 'having count(*) > 2',
    tests: [EQUALITY],
  },
  {
    name: 'SQL: a holder that was fenced may still flush',
    file: `${SYNC}statements.ts`,
    from: "        from ${dialect.rowsOf(parameter('rows'), FLUSH_COLUMNS)} as r\n        where ${isMine(dialect, tables)}`,",
    to: "        from ${dialect.rowsOf(parameter('rows'), FLUSH_COLUMNS)} as r`,",
    tests: [LEDGER, EQUALITY],
  },
  {
    name: 'SQL: a lease that is held is given to whoever asks',
    file: `${SYNC}statements.ts`,
    from: 'holder is null or lease_until < ${now} or',
    to: 'holder is not null or lease_until < ${now} or',
    tests: [EQUALITY],
  },
  {
    name: 'SQL: who is asked again is asked of another window',
    file: `${SQL}consent-now.ts`,
    from: "where seq between ${bound('seq_lo')} and ${bound('seq_hi')}",
    to: "where seq > ${bound('seq_lo')} and seq <= ${bound('seq_hi')}",
    tests: [EQUALITY],
  },
]
