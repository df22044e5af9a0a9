import { listOf, textOf, tryJson } from '../answer.ts'
import { eachApart as apart } from '../apart.ts'
import type { Change, HttpResponse, Json, Receipt } from '../connector.ts'
import type { Api } from './api.ts'
import { emailOf } from './contact.ts'
import { REQUESTS_EACH } from './limits.ts'
import type { Desk } from './memory.ts'

/** The code of a contact that is not there. */
export const NOT_FOUND = 'not_found'

/** Receipts by lower-cased address: the answer keeps no order. A contact of whom it says nothing may be there. */
export function receiptsFrom(
  answer: Json,
  batch: readonly Change[],
  api: Pick<Api, 'cleaned'>,
): Map<Change, Receipt | 'exists'> {
  const byEmail = new Map<string, Receipt | 'exists'>()
  for (const one of [...listOf(answer, 'new_members'), ...listOf(answer, 'updated_members')])
    byEmail.set(textOf(one, 'email_address').toLowerCase(), writtenAs(one))
  for (const one of listOf(answer, 'errors'))
    byEmail.set(textOf(one, 'email_address').toLowerCase(), errorReceipt(one, api))
  return new Map(batch.map((change) => [change, byEmail.get(emailOf(change)) ?? missing()]))
}

function errorReceipt(error: Json, api: Pick<Api, 'cleaned'>): Receipt | 'exists' {
  const code = textOf(error, 'error_code') || 'ERROR_GENERIC'
  if (code === 'ERROR_CONTACT_EXISTS') return 'exists'
  return refusal(code, [textOf(error, 'error'), textOf(error, 'field'), textOf(error, 'field_message')], api)
}

/** What an answer other than 2xx means for one contact; throws what concerns more than that contact. */
export async function singleReceipt({ api, memory, into }: Desk, answer: HttpResponse): Promise<Receipt> {
  const problem = tryJson(answer.body)
  if (answer.status === 404) {
    await memory.list(into)
    return refused(NOT_FOUND, `The audience "${into.list}" has no such contact.`)
  }
  if (answer.status !== 400) throw api.failure(answer)
  const title = textOf(problem, 'title')
  const fields = listOf(problem, 'errors').map((one) => `${textOf(one, 'field')} ${textOf(one, 'message')}`)
  const code = title === '' ? 'http_400' : title.toLowerCase().replaceAll(/[^a-z]+/g, '_')
  return refusal(code, [title, textOf(problem, 'detail'), ...fields], api)
}

/** A refusal in the vendor's words. Batches give no code of their own to what single contacts have a title for. */
function refusal(code: string, said: readonly string[], api: Pick<Api, 'cleaned'>): Receipt {
  const message = said.filter(Boolean).join(' ')
  if (PASSING.test(message)) return { outcome: 'again', code: 'too_many_signups', applied: 'no' }
  const [, blocked] = COMPLIANCE.find(([pattern]) => pattern.test(message)) ?? []
  const kind = blocked === undefined ? 'row' : 'compliance'
  return { outcome: 'refused', kind, code: blocked ?? code, message: api.cleaned(message) }
}

/** "… has signed up to a lot of lists very recently; we're not allowing more signups for now": not of the row's making. */
const PASSING = /signed up to a lot of lists/i

const COMPLIANCE: readonly (readonly [RegExp, string])[] = [
  [/permanently deleted|forgotten email/i, 'forgotten_email_not_subscribed'],
  [/compliance state/i, 'member_in_compliance_state'],
]

/** Makes one request or more for each change. */
export function eachApart(
  batch: readonly Change[],
  settled: boolean,
  act: (change: Change) => Promise<Receipt>,
): Promise<Map<Change, Receipt>> {
  return apart(batch, { settled, atOnce: REQUESTS_EACH, silence: 'told' }, act)
}

export function writtenAs(one: Json): Receipt {
  const id = textOf(one, 'id')
  return id === '' ? { outcome: 'written' } : { outcome: 'written', id }
}

export function refused(code: string, message: string): Receipt {
  return { outcome: 'refused', kind: 'row', code, message }
}

/** Nothing was said of the change. */
export function missing(): Receipt {
  return { outcome: 'again', code: 'no_result', applied: 'maybe' }
}
