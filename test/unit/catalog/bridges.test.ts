import { beforeAll, describe, expect, test } from 'vitest'
import { paper } from '../../../src/commands/layout.ts'
import { printBridges } from '../../../src/commands/print-bridges.ts'
import { type Asking, asking } from '../../support/asking.ts'

const MODELS = `
sources:
  cards: { file: cards.csv, key: id, at: at, identifiers: { user_id: user, email: email, phone: phone, device: [a, b] } }
entities:
  customer:
    identifiers:
      user_id: { block: [u9] }
      email: { normalize: email }
      phone: { normalize: phone }
      device: {}
`

// Two families of four, tied by one telephone alone; c8 holds an address that somebody else's blocked user also has.
const CARDS = `id,user,email,phone,a,b,at
c1,u1,a@x.fr,,,,2026-01-01T00:00:00Z
c2,u1,a@x.fr,+33199001234,,,2026-01-02T00:00:00Z
c3,u2,b@x.fr,,,,2026-01-03T00:00:00Z
c4,u2,b@x.fr,+33199001234,,,2026-01-04T00:00:00Z
c5,u1,,,d1,d2,2026-01-05T00:00:00Z
c6,u1,,,d2,d1,2026-01-06T00:00:00Z
c7,u2,,,d3,,2026-01-07T00:00:00Z
c8,u9,b@x.fr,,,,2026-01-08T00:00:00Z
`

describe('the weak points of a profile', () => {
  let asked: Asking
  beforeAll(async () => {
    asked = await asking({ 'models/all.yaml': MODELS, 'cards.csv': CARDS })
    await asked.run()
    return () => asked.close()
  })

  test('are the values whose loss leaves two large parts, those with the larger second part first', async () => {
    const report = await asked.bridges('u1')
    expect(report).toMatchObject({ entity: 'customer', identifiers: 8, pairs: 10, cut: false, value_count: 3 })
    expect(report.values).toEqual([
      { type: 'phone', value: '+33199001234', parts: [4, 3], part_count: 2, rows: 2 },
      { type: 'user_id', value: 'u1', parts: [5, 2], part_count: 2, rows: 4 },
      { type: 'user_id', value: 'u2', parts: [6, 1], part_count: 2, rows: 3 },
    ])
    expect(report.bridges).toEqual([
      { a: { type: 'user_id', value: 'u2' }, b: { type: 'device', value: 'd3' }, sides: [7, 1], rows: 1 },
    ])
    expect(await asked.bridges('b@x.fr')).toEqual(report)
  })

  test('of an identifier that joins nobody are none', async () => {
    await expect(asked.bridges('u9')).rejects.toThrow('"u9" joins nobody: it has no profile.')
  })

  test('are printed with what to do', async () => {
    const page = printBridges(await asked.hidden.bridges('u1'), paper(160, false)).join('\n')
    expect(page).toMatch(/^ {2}phone \[hidden #\d+] +4 \+ 3 +2$/m)
    expect(page).toMatch(/^ {2}Where phone \[hidden #\d+] joins people who are not one, a rule of phone /m)
  })
})
