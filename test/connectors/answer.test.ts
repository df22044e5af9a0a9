import { describe, expect, test } from 'vitest'
import { cleaned, failureOf } from '../../src/connectors/answer.ts'
import type { HttpResponse } from '../../src/connectors/connector.ts'

const NOW = Date.parse('2026-11-22T12:00:00Z')

function answer(status: number, headers: Record<string, string> = {}): HttpResponse {
  return { status, headers, body: '' }
}

test('every status has a meaning, and only those that cannot have had an effect say so', () => {
  const meaning = (status: number) => {
    const { kind, applied } = failureOf(answer(status), '', NOW)
    return `${kind} ${applied}`
  }
  expect([301, 400, 401, 403, 404, 405, 408, 410, 413, 422, 425, 429, 500, 501, 502, 503, 504].map(meaning)).toEqual([
    'config no',
    'batch no',
    'auth no',
    'auth no',
    'config no',
    'config no',
    'transient maybe',
    'config no',
    'batch no',
    'batch no',
    'transient no',
    'throttle no',
    'transient maybe',
    'config no',
    'transient maybe',
    'transient maybe',
    'transient maybe',
  ])
  expect(failureOf(answer(503, { 'retry-after': '4' }), '', NOW)).toMatchObject({ kind: 'throttle', after: 4_000 })
})

describe('the text of a vendor', () => {
  test('loses secrets in every form, addresses, numbers and what steers a terminal', () => {
    const secret = 'p4ss word&'
    const said = `key ${secret} ${encodeURIComponent(secret)} ${Buffer.from(secret).toString('base64')} of jane@x.fr +33 6 12 34 56 78\u001b[31m\n\u202e`
    expect(cleaned(said, [secret])).toBe('key [secret] [secret] [secret]== of <email> <number>')
  })
})
