import { metaVendor } from '../../src/connectors/meta/emulator.ts'
import { meta } from '../../src/connectors/meta/index.ts'
import { connectorContract } from '../contract/connector.ts'
import { NOW } from '../support/vendor.ts'

// What a mirror promises that tells the vendor the whole audience each time (`replace: true`). Google's is in its own
// test: there the clock must go on between two replacements.

connectorContract({
  connector: meta,
  account: meta.account.parse({ access_token: 'EAAcanary', ad_account: 'act_1001', phone_country: 'FR' }),
  into: meta.into.parse({ audience: '238501', replace: true }),
  secrets: [],
  columns: { key: ['EMAIL'], fields: ['FN'] },
  vendor: (now = () => NOW) =>
    metaVendor({ token: 'EAAcanary', account: '1001', audiences: new Map([['238501', { name: 'Customers' }]]), now }),
  row: (n) => ({ key: { EMAIL: `p${n}@shop.test` }, fields: { FN: `Person ${n}` } }),
  bad: { key: { EMAIL: 'no address' }, fields: {} },
  leave: { verb: 'remove' },
  isWrite: ({ method }) => method !== 'GET',
  wholeRefused: { status: 400, body: {} },
  skip: [
    { case: 'has a page that says what its definition says, and where credentials come from', why: 'one page' },
    { case: 'nobody is put there as well', why: 'an audience is not emptied by a replacement' },
  ],
})
