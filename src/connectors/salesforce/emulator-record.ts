import { member, tryJson } from '../answer.ts'
import type { Answer } from '../sandbox/sandbox.ts'
import type { Row } from '../sandbox/store.ts'
import { hasObject, isField } from './emulator-objects.ts'
import { type Call, failed, notFound, type Result } from './emulator-org.ts'
import { upsert } from './emulator-records.ts'

/**
 * One record by its external id: 201 where it is made, 200 where it is changed, 300 and the addresses of all where more
 * than one has it
 * (https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_upsert.htm).
 */
export function record(call: Call, object: string, field: string, value: string): Answer {
  if (!hasObject(object) || !isField(object, field)) return notFound()
  const fields = fieldsIn(call.request.body)
  if (fields === undefined) return failed(400, 'JSON_PARSER_ERROR', 'Unexpected end of input or missing record.')
  const ids = call.index.find(call.rows, object, field, value)
  const home = call.request.path.slice(0, -call.path.length)
  if (ids.length > 1) return { status: 300, body: ids.map((id) => `${home}/sobjects/${object}/${id}`) }
  const result = upsert(call, { ...fields, attributes: { type: object }, [field]: value }, object, field)
  return result.success === true
    ? { status: result.created === true ? 201 : 200, body: result }
    : { status: 400, body: errorsOf(result) }
}

function fieldsIn(body: string): Row | undefined {
  const fields = tryJson(body)
  return typeof fields === 'object' && fields !== null && !Array.isArray(fields) ? (fields as Row) : undefined
}

function errorsOf(result: Result): Result[] {
  const errors = member(result, 'errors') as readonly { readonly statusCode: string; readonly message: string }[]
  return errors.map(({ statusCode, message }) => ({ errorCode: statusCode, message }))
}
