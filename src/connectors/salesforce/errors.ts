import { cleaned } from '../answer.ts'
import type { Receipt } from '../connector.ts'

// The codes are listed at
// https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm.

/**
 * Whom an error concerns: the calls that the org allows, how the app, the org or the mapping is set up, nobody for long,
 * or the row alone, which is so for every code that is not known.
 */
export function fateOf(said: string, message = ''): 'quota' | 'config' | 'passing' | 'row' {
  // Jobs write their codes as ExceededQuota or EXCEEDEDQUOTA.
  const code = said.toUpperCase()
  if (QUOTA.has(code)) return 'quota'
  if (CONFIG.has(code) || code.startsWith('INSUFFICIENT_ACCESS') || isNoColumn(code, message)) return 'config'
  return PASSING.has(code) ? 'passing' : 'row'
}

/** One code for a field that the object does not have, and for a parent that the row does not have: only its text tells. */
function isNoColumn(code: string, message: string): boolean {
  return code === 'INVALID_FIELD' && message.startsWith('No such column')
}

const QUOTA = new Set(['REQUEST_LIMIT_EXCEEDED', 'EXCEEDEDQUOTA', 'TOOMANYJOBS'])

const CONFIG = new Set([
  'INVALID_TYPE',
  'API_DISABLED_FOR_ORG',
  'API_CURRENTLY_DISABLED',
  'STORAGE_LIMIT_EXCEEDED',
  'FUNCTIONALITY_NOT_ENABLED',
  'FEATURENOTENABLED',
  'INVALIDENTITY',
  'INVALIDJOB',
  'INVALIDOPERATION',
])

const PASSING = new Set([
  'UNABLE_TO_LOCK_ROW',
  'SERVER_UNAVAILABLE',
  'QUERY_TIMEOUT',
  'REQUEST_RUNNING_TOO_LONG',
  'UNKNOWN_EXCEPTION',
  'ALL_OR_NONE_OPERATION_ROLLED_BACK',
])

/** The receipt of a row that was not written. `org.secrets` are shown to nobody. */
export function refusal(code: string, message: string, org: { readonly secrets: readonly string[] }): Receipt {
  // A trigger that failed may have failed for a lock, which only its text tells.
  const locked = code === 'CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY' && message.includes('UNABLE_TO_LOCK_ROW')
  if (locked || fateOf(code) === 'passing') return { outcome: 'again', code, applied: 'no' }
  return { outcome: 'refused', kind: 'row', code, message: cleaned(message, org.secrets) }
}

/** Nobody said what became of the row. */
export function missing(): Receipt {
  return { outcome: 'again', code: 'no_result', applied: 'maybe' }
}
