import type { Report } from '../report.ts'
import { changeWords } from '../sync/mapping.ts'
import { count } from './layout.ts'

type SyncReport = Pick<Report['syncs'][number], 'status' | 'blocked_by' | 'breaches' | 'mapping'>

/** What guards and a changed mapping have to say of a sync, a sentence or more each; empty where they say nothing. */
export function guardWords({ status, blocked_by: reason, breaches, mapping }: SyncReport): readonly string[] {
  return [
    ...(status !== 'blocked' && reason !== null ? [reason] : []),
    ...breaches.map(({ effect, guard, message, fix }) => `${VERB[effect]} (${guard}). ${message} ${fix}`),
    ...(mapping === null || mapping.way === 'ask' ? [] : [mappingWords(mapping)]),
  ]
}

const VERB = {
  blocked: 'blocked by its guard',
  held: 'its removals are held back by its guard',
  overridden: 'sent in spite of its guard',
} as const

function mappingWords(mapping: NonNullable<SyncReport['mapping']>): string {
  const fate = mapping.way === 'resync' ? 'sent anew' : 'not sent for that, because their data has not changed'
  return `its fields have changed (${changeWords(mapping)}): ${count(mapping.rows, 'row')} ${fate}`
}
