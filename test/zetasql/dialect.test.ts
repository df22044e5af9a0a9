import { afterAll, beforeAll, describe } from 'vitest'
import { dialectContract } from '../contract/warehouse-dialect.ts'
import { MISSING, startZetaSql, type ZetaSql } from './server.ts'
import { zetaSession } from './session.ts'

describe.skipIf(MISSING)(
  `BigQuery's dialect on the reference implementation of GoogleSQL${MISSING ? `: ${MISSING}` : ''}`,
  () => {
    let server: ZetaSql
    beforeAll(async () => {
      server = await startZetaSql()
    })
    afterAll(() => server?.close())

    dialectContract(async () => zetaSession(server), undefined, [
      { case: 'a value of 10 MB is normalised like any other', why: 'the server takes no message above 4 MB' },
    ])
  },
)
