import { member, textOf } from '../answer.ts'
import type { Answer } from '../sandbox/sandbox.ts'
import { type Call, failed, type MetaAudience, noTerms, unknownPath } from './emulator-answers.ts'
import { read, shown } from './emulator-audience.ts'

const PAGE = 25

export function accountRoute(call: Call, edge: string): Answer {
  const { method } = call.request
  const { termsAccepted = true, account, accountStatus = 1 } = call.options
  if (edge === '' && method === 'GET') {
    const tos_accepted = { custom_audience_tos: termsAccepted ? 1 : 0 }
    return { status: 200, body: { id: `act_${account}`, account_status: accountStatus, tos_accepted } }
  }
  if (edge === '/customaudiences' && method === 'GET') return list(call)
  if (edge === '/customaudiences' && method === 'POST') return create(call)
  if (edge === '/usersofanyaudience' && method === 'DELETE') return everywhere(call)
  return unknownPath()
}

/** Newest last, a page at a time, by cursor. */
function list(call: Call): Answer {
  const after = call.request.query.get('after')
  const audiences = all(call)
  const from = after === null ? 0 : Number(Buffer.from(after, 'base64').toString())
  const size = Math.min(PAGE, Number(call.request.query.get('limit') ?? PAGE))
  const data = audiences.slice(from, from + size).map(([id, one]) => shown(call, id, one))
  const cursors = { after: Buffer.from(String(from + size)).toString('base64') }
  const more = from + size < audiences.length ? { next: 'https://graph.facebook.com/next' } : {}
  return { status: 200, body: { data, paging: { cursors, ...more } } }
}

function all({ options, rows }: Call): readonly (readonly [string, MetaAudience])[] {
  const made = [...rows.all('audiences')] as unknown as (readonly [string, MetaAudience])[]
  return [...options.audiences, ...made].filter(([, one]) => one.deleted !== true)
}

function create(call: Call): Answer {
  const { termsAccepted = true, mostAudiences = 500, inPortfolio = true } = call.options
  if (!termsAccepted) return failed(2655, '(#2655) Terms of service has not been accepted')
  if (!inPortfolio) return failed(200, 'Permissions error', { subcode: 1_870_050, status: 403 })
  const name = textOf(call.body, 'name')
  if (name === '' || textOf(call.body, 'subtype') !== 'CUSTOM' || textOf(call.body, 'customer_file_source') === '')
    return failed(100, '(#100) The parameter customer_file_source is required', { subcode: 1_870_053 })
  if (all(call).length >= mostAudiences) return failed(2654, '(#2654) Failed to create custom audience')
  if (name.length > 100) return failed(100, '(#100) The parameter name is too long')
  const id = String(23_850_000_000_000_000n + BigInt(all(call).length + 1))
  call.rows.put('audiences', id, { name, valueBased: member(call.body, 'is_value_based') === true })
  return { status: 200, body: { id } }
}

function everywhere(call: Call): Answer {
  if (call.options.termsAccepted === false) return noTerms()
  const { members, counted } = read(call, { name: '' })
  for (const name of call.rows.collections().filter((one) => one.startsWith('users ')))
    for (const one of members) call.rows.drop(name, one.id)
  return { status: 200, body: { ...counted } }
}
