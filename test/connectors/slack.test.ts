import { describe, expect, test } from 'vitest'
import type { Change, Io } from '../../src/connectors/connector.ts'
import { type SlackOptions, slackStand, slackVendor } from '../../src/connectors/slack/emulator.ts'
import { slack } from '../../src/connectors/slack/index.ts'
import { connectorContract } from '../contract/connector.ts'
import { changeOf, NOW, openBench, SILENCE } from '../support/vendor.ts'

const TOKEN = 'xoxb-canary-0123456789'
const HOOK = 'https://hooks.slack.com/services/T000/B000/canaryhook'
const SCOPES = ['chat:write', 'channels:read', 'channels:history']
const CHANNEL = 'C0123456'
const SLOT = { run: 'r', window: 0, batch: 0 }
const COLUMNS: Io['columns'] = { key: ['email'], fields: ['name', 'value'] }
const NEW = 'New: {{#each rows}}{{name}} {{/each}}{{#if more}}and {{more}} more{{/if}}'

const options = (more: Partial<SlackOptions> = {}): SlackOptions => ({
  token: { value: TOKEN, scopes: SCOPES },
  webhooks: new Map([[new URL(HOOK).pathname, CHANNEL]]),
  channels: [{ id: CHANNEL }],
  now: () => NOW,
  ...more,
})

const AS_ONE = 'a digest is one message for several rows: it is refused, and counted, as one'

connectorContract({
  connector: slack,
  account: { token: TOKEN },
  into: slack.into.parse({ channel: CHANNEL, message: NEW, check_history: true }),
  secrets: [TOKEN],
  columns: COLUMNS,
  vendor: (now = () => NOW) => slackVendor(options({ now })),
  row: (n) => ({ key: { email: `p${n}@shop.test` }, fields: { name: `Person ${n}`, value: n } }),
  bad: { key: { email: 'bad@shop.test' }, fields: { name: 'Bad', value: 0 } },
  leave: { verb: 'say', argument: '{{count}} left' },
  isWrite: ({ path }) => path === '/api/chat.postMessage',
  wholeRefused: { status: 200, body: { ok: false, error: 'msg_too_long' } },
  skip: [
    { case: 'receipts come in the order of the changes', why: AS_ONE },
    { case: 'silence before the effect leaves it open whether it was applied', why: AS_ONE },
    { case: 'silence after the effect leaves it open whether it was applied', why: AS_ONE },
  ],
})

interface Given {
  readonly into?: object
  readonly account?: { readonly token?: string; readonly webhook_url?: string }
  readonly vendor?: Partial<SlackOptions>
  readonly columns?: Io['columns']
}

async function open({ into, account = { token: TOKEN }, vendor, columns = COLUMNS }: Given = {}) {
  const bench = await openBench(slackVendor(options(vendor)), { columns, mode: 'insert' })
  const channel = account.webhook_url === undefined ? { channel: CHANNEL } : {}
  const place = slack.into.parse({ ...channel, message: NEW, ...into })
  // Every opening is a run of its own: nothing is remembered between them.
  const send = (...batch: readonly Change[]) => slack.open(account, bench.io).send(batch, place, SLOT)
  const check = () => slack.open(account, bench.io).check(place)
  const held = () => bench.emulator.contents().flatMap((one) => one.rows)
  const texts = () => held().map((one) => one.text)
  return { bench, send, check, held, texts, body: () => JSON.parse(bench.seen.at(-1)?.body ?? '') }
}

const person = (name: string, more: Change['fields'] = {}) =>
  changeOf({ email: `${name}@shop.test` }, { name, value: 7, ...more })
const people = (count: number) => Array.from({ length: count }, (_, n) => person(`p${n}`))
const PER_ROW = { per: 'row', message: '{{name}} is new' }

describe('messages in Slack', () => {
  test('a digest counts all rows and lists the first of them', async () => {
    const { send, texts, bench } = await open({ into: { first: 2 } })
    const receipts = await send(...people(5))
    expect(receipts).toEqual(Array(5).fill({ outcome: 'written', id: `${NOW / 1000}.000000` }))
    expect(texts()).toEqual(['New: p0 p1 and 3 more'])
    expect(bench.emulator.counters().calls).toBe(1)
    expect(slack.limits({ token: TOKEN }, slack.into.parse({}), { upsert: 0, remove: 0 }).upsert).toMatchObject({
      rows: 500,
      calls: 1,
      perMs: 1_000,
      inFlight: 1,
    })
  })

  test('a digest without a template names the sync and the number, and nobody', async () => {
    const { send, texts } = await open({ into: { message: undefined } })
    await send(...people(3))
    expect(texts()).toEqual(['customers_to_vendor: 3'])
  })

  test('one message a row sees the columns by their names; what a row lacks is empty', async () => {
    const { send, texts } = await open({ into: { per: 'row', message: '{{op}} {{name}} {{email}} {{value}}.' } })
    await send(person('ada'), changeOf({ email: 'bea@shop.test' }, { name: 'bea' }))
    expect(texts()).toEqual(['create ada ada@shop.test 7.', 'create bea bea@shop.test .'])
    const { upsert } = slack.limits({ token: TOKEN }, slack.into.parse(PER_ROW), { upsert: 0, remove: 0 })
    expect(upsert).toMatchObject({ rows: 1, calls: 1, perMs: 1_000 })
  })

  test('blocks are JSON as Block Kit Builder prints it, or a list in YAML', async () => {
    const block = {
      type: 'section',
      text: { type: 'mrkdwn', text: '*{{count}}* new: {{#each rows}}{{name}}, {{/each}}' },
    }
    const shown = [{ type: 'section', text: { type: 'mrkdwn', text: '*2* new: say "hi", bea, ' } }]
    for (const blocks of [JSON.stringify({ blocks: [block] }), JSON.stringify([block]), [block]]) {
      const { send, held } = await open({ into: { blocks } })
      await send(person('ada', { name: 'say "hi"' }), person('bea'))
      expect(held()).toMatchObject([{ text: 'New: say "hi" bea ', blocks: shown }])
    }
  })

  test('who leaves is told with the text of `say`, which sees the key', async () => {
    const { send, texts } = await open({ into: PER_ROW })
    const leave = { verb: 'say', argument: '{{email}} has left' }
    await send(changeOf({ email: 'ada@shop.test' }, {}, { op: 'remove', leave }))
    expect(texts()).toEqual(['ada@shop.test has left'])
  })

  test('a webhook posts the same, and says no id', async () => {
    const { send, texts, bench } = await open({ account: { webhook_url: HOOK } })
    expect(await send(person('ada'))).toEqual([{ outcome: 'written' }])
    expect(texts()).toEqual(['New: ada '])
    expect(bench.seen[0]).toMatchObject({ method: 'POST', path: new URL(HOOK).pathname })
    expect(bench.seen[0]?.headers.authorization).toBeUndefined()
  })

  test('a digest that would be too long lists fewer rows', async () => {
    const { send, texts } = await open({ into: { first: 50 } })
    await send(...people(50).map((one) => ({ ...one, fields: { ...one.fields, name: 'x'.repeat(300) } })))
    expect(texts()[0]).toMatch(/and 38 more$/)
    const block = { type: 'section', text: { type: 'mrkdwn', text: '{{#each rows}}{{name}} {{/each}}' } }
    const blocks = await open({ into: { first: 50, blocks: [block] } })
    await blocks.send(...people(50).map((one) => ({ ...one, fields: { name: 'x'.repeat(900) } })))
    expect(blocks.held()).toHaveLength(1)
  })
})

describe('what a value says', () => {
  const EVIL = '<!channel> <@U0123> @here <https://evil.test|click> & more\n*new line*'

  test('calls nobody, links nothing and stays on its line', async () => {
    const block = { type: 'section', text: { type: 'mrkdwn', text: '{{#each rows}}{{name}}{{json name}}{{/each}}' } }
    for (const account of [{ token: TOKEN }, { webhook_url: HOOK }]) {
      const { send, held, body } = await open({
        account,
        into: { blocks: [{ ...block, text: { ...block.text, text: '{{#each rows}}{{name}}{{/each}}' } }] },
      })
      await send(person('ada', { name: EVIL }))
      expect(held()).toMatchObject([{ pings: [] }])
      expect(held()[0]?.text).toContain('&lt;!channel&gt;')
      expect(held()[0]?.text).not.toContain('\n')
      expect(body()).toMatchObject({ link_names: false, unfurl_links: false, unfurl_media: false })
    }
    const printed = await open({ into: { message: '{{#each rows}}{{json name}}{{/each}}' } })
    await printed.send(person('ada', { name: EVIL }))
    expect(printed.held()).toMatchObject([{ pings: [] }])
  })

  test('is not the template, which may call', async () => {
    const { send, held } = await open({ into: { message: '<!here> {{count}}' } })
    await send(person('ada'))
    expect(held()).toMatchObject([{ text: '<!here> 1', pings: ['<!here>'] }])
  })
})

describe('a message of which nobody knows whether it was posted', () => {
  const lost = (effect: boolean) => ({ kind: 'reset' as const, effect })
  const MAYBE = { kind: 'transient', applied: 'maybe', after: Number.POSITIVE_INFINITY }

  test.each([true, false])('is not tried again in the same run (posted: %s)', async (effect) => {
    const { send, bench, held } = await open()
    bench.fault = () => lost(effect)
    await expect(send(...people(2))).rejects.toMatchObject(MAYBE)
    expect(held()).toHaveLength(effect ? 1 : 0)
    bench.fault = () => ({ kind: 'silence', effect })
    bench.timeout = SILENCE
    await expect(send(...people(2))).rejects.toMatchObject(MAYBE)
  })

  test('is not tried again either where Slack asks to come later', async () => {
    const { send, bench } = await open({ account: { webhook_url: HOOK } })
    bench.fault = () => ({ kind: 'answer', status: 503, headers: { 'retry-after': '3' }, body: '' })
    await expect(send(person('ada'))).rejects.toMatchObject(MAYBE)
    bench.fault = () => ({ kind: 'answer', status: 200, body: '<html>proxy</html>' })
    await expect(send(person('ada'))).rejects.toMatchObject(MAYBE)
  })

  test('counts as refused where it shall be left', async () => {
    const { send, bench } = await open({ into: { when_unsure: 'leave' } })
    bench.fault = () => lost(true)
    expect(await send(...people(2))).toMatchObject(
      Array(2).fill({ outcome: 'refused', kind: 'row', code: 'maybe_told' }),
    )
  })

  test.each([true, false])('is looked for by the next run with `check_history` (posted: %s)', async (effect) => {
    const { send, bench, held, texts } = await open({ into: { check_history: true } })
    bench.fault = ({ path }) => (path === '/api/chat.postMessage' ? lost(effect) : undefined)
    await expect(send(...people(2))).rejects.toMatchObject(MAYBE)
    bench.fault = undefined
    const receipts = await send(...people(3))
    expect(receipts.map(({ outcome }) => outcome)).toEqual(Array(3).fill('written'))
    expect(texts()).toEqual(effect ? ['New: p0 p1 ', 'New: p2 '] : ['New: p0 p1 p2 '])
    await send(...people(3))
    expect(held()).toHaveLength(effect ? 2 : 1)
  })

  test('is found on a later page of the channel, by marks that say nothing of the row', async () => {
    let time = NOW
    const { send, bench, held } = await open({ into: { check_history: true }, vendor: { now: () => time } })
    await send(person('ada'))
    const posted = bench.seen.find(({ path }) => path === '/api/chat.postMessage')
    expect(JSON.stringify(JSON.parse(posted?.body ?? '').metadata)).not.toContain('ada')
    const headers = { authorization: `Bearer ${TOKEN}` }
    const url = 'https://slack.com/api/chat.postMessage'
    for (let n = 0; n < 205; n++) {
      time += 1_000
      await bench.io.fetch({ method: 'POST', url, headers, body: JSON.stringify({ channel: CHANNEL, text: 'chat' }) })
    }
    expect(await send(person('ada'))).toMatchObject([{ outcome: 'written' }])
    expect(held()).toHaveLength(206)
  })

  test('is posted by no run that may not see what the messages of the one before carry', async () => {
    const { send, held } = await open({ into: { check_history: true }, vendor: { hidesMetadata: true } })
    await send(person('ada'))
    await expect(send(person('ada'))).rejects.toMatchObject({ kind: 'auth', code: 'no_metadata' })
    expect(held()).toHaveLength(1)
  })

  test('of several rows only the one that was struck is in doubt', async () => {
    const { send, bench } = await open({ into: PER_ROW })
    let posts = 0
    bench.fault = () => (++posts === 2 ? lost(true) : undefined)
    expect(await send(...people(3))).toEqual([
      { outcome: 'written', id: `${NOW / 1000}.000000` },
      { outcome: 'again', code: 'network', applied: 'maybe', after: Number.POSITIVE_INFINITY },
      { outcome: 'again', code: 'network', applied: 'no', after: Number.POSITIVE_INFINITY },
    ])
    expect(posts).toBe(2)
  })
})

describe('errors of Slack', () => {
  const closed = (more: object) => ({ vendor: { channels: [{ id: CHANNEL, ...more }] } })
  const elsewhere = { into: { channel: 'C9999999' } }

  const LATER = { kind: 'transient', applied: 'no' }
  const MAYBE = { kind: 'transient', applied: 'maybe' }
  const state = (one: 'revoked' | 'expired' | 'inactive') => ({
    vendor: { token: { value: TOKEN, scopes: SCOPES, state: one } },
  })
  const outage = (one: SlackOptions['outage']) => ({ vendor: { outage: one } }) as Given
  const workspace = (one: SlackOptions['workspace']) => ({ vendor: { workspace: one } }) as Given
  const block = (...blocks: readonly object[]) => ({ into: { blocks } })

  test.each<[string, Given, object]>([
    ['invalid_auth', { account: { token: 'xoxb-canary-other' } }, { kind: 'auth' }],
    ['not_allowed_token_type', { account: { token: 'xapp-canary-0' } }, { kind: 'auth' }],
    ['token_revoked', state('revoked'), { kind: 'auth' }],
    ['token_expired', state('expired'), { kind: 'auth' }],
    ['account_inactive', state('inactive'), { kind: 'auth' }],
    ['missing_scope', { vendor: { token: { value: TOKEN, scopes: ['users:read'] } } }, { kind: 'auth' }],
    ['accesslimited', workspace('limited'), { kind: 'auth' }],
    ['channel_not_found', elsewhere, { kind: 'config' }],
    ['is_archived', closed({ isArchived: true }), { kind: 'config' }],
    ['not_in_channel', closed({ isForeign: true }), { kind: 'config' }],
    ['restricted_action_read_only_channel', closed({ isReadOnly: true }), { kind: 'config' }],
    ['posting_to_general_channel_denied', closed({ isClosedGeneral: true }), { kind: 'config' }],
    ['user_not_found', closed({ isOfNobody: true }), { kind: 'config' }],
    ['restricted_action', workspace('restricted'), { kind: 'config' }],
    ['ekm_access_denied', workspace('locked'), { kind: 'config' }],
    ['org_login_required', workspace('in_organisation'), { kind: 'config' }],
    ['no_text', { into: { message: '{{#if more}}x{{/if}}' } }, { kind: 'batch' }],
    ['msg_too_long', { into: { message: 'x'.repeat(40_001) } }, { kind: 'batch' }],
    ['invalid_blocks', block(section('')), { kind: 'batch' }],
    ['invalid_blocks', block(...Array(51).fill({ type: 'divider' })), { kind: 'batch' }],
    ['invalid_blocks', block(section('x'.repeat(3_001))), { kind: 'batch' }],
    ['invalid_blocks', block({ ...section('x'.repeat(151)), type: 'header' }), { kind: 'batch' }],
    ['invalid_blocks', block({ type: 'section', fields: Array(11).fill(section('x').text) }), { kind: 'batch' }],
    ['msg_blocks_too_long', block(...Array(5).fill(section('x'.repeat(2_900)))), { kind: 'batch' }],
    ['rate_limited', { vendor: { mostAMinute: 0 } }, { kind: 'throttle', applied: 'no' }],
    ['service_unavailable', outage('service_unavailable'), LATER],
    ['request_timeout', outage('request_timeout'), LATER],
    ['team_added_to_org', workspace('moving'), LATER],
    ['internal_error', outage('internal_error'), MAYBE],
    ['fatal_error', outage('fatal_error'), MAYBE],
    ['http_502', outage('gateway'), MAYBE],
  ])('%s, of the Web API', async (code, given, expected) => {
    const { send, held } = await open(given)
    await expect(send(person('ada'))).rejects.toMatchObject({ code, ...expected })
    expect(held()).toEqual([])
  })

  const hook = (code: string, vendor: Partial<SlackOptions>, expected: object) =>
    [code, { account: { webhook_url: HOOK }, vendor }, expected] as const
  const hookAt = (code: string, path: string, expected: object) =>
    [code, { account: { webhook_url: `https://hooks.slack.com/services/${path}` } }, expected] as const
  const channel = (more: object) => ({ channels: [{ id: CHANNEL, ...more }] })

  test.each<readonly [string, Given, object]>([
    hook('no_service', { webhooks: new Map() }, { kind: 'config' }),
    hookAt('no_service', 'T000/B999/canaryhook', { kind: 'config' }),
    hookAt('no_team', 'T999/B000/canaryhook', { kind: 'config' }),
    hookAt('invalid_token', 'T000/B000/canaryhook-old', { kind: 'auth' }),
    hook('no_active_hooks', { workspace: 'without_hooks' }, { kind: 'config' }),
    hook('team_disabled', { workspace: 'disabled' }, { kind: 'config' }),
    hook('channel_not_found', { channels: [] }, { kind: 'config' }),
    hook('channel_is_archived', channel({ isArchived: true }), { kind: 'config' }),
    hook('action_prohibited', channel({ isReadOnly: true }), { kind: 'config' }),
    hook('action_prohibited', { workspace: 'restricted' }, { kind: 'config' }),
    hook('posting_to_general_channel_denied', channel({ isClosedGeneral: true }), { kind: 'config' }),
    hook('user_not_found', channel({ isOfNobody: true }), { kind: 'config' }),
    hook('rate_limited', { mostAMinute: 0 }, { kind: 'throttle', after: 1_000 }),
    hook('rollup_error', { outage: 'rollup_error' }, MAYBE),
    hook('internal_error', { outage: 'internal_error' }, MAYBE),
    hook('http_502', { outage: 'gateway' }, MAYBE),
    hook('service_unavailable', { outage: 'service_unavailable' }, LATER),
    ['no_text', { account: { webhook_url: HOOK }, into: { message: '{{#if more}}x{{/if}}' } }, { kind: 'batch' }],
    ['invalid_blocks', { account: { webhook_url: HOOK }, ...block(section('')) }, { kind: 'batch' }],
  ])('%s, of a webhook', async (code, given, expected) => {
    const { send, held } = await open(given)
    const error = await send(person('ada')).catch((one: unknown) => one)
    expect(error).toMatchObject({ code, ...expected })
    expect(String(error)).not.toContain('canaryhook')
    expect(held()).toEqual([])
  })

  test.each<[string, object]>([
    ['too_many_attachments', { kind: 'batch' }],
    ['message_limit_exceeded', { kind: 'throttle', applied: 'no' }],
    ['no_permission', { kind: 'auth' }],
    ['some_news', { kind: 'config' }],
  ])('%s, which no message of ours is known to cause, is understood all the same', async (error, expected) => {
    const { send, bench } = await open()
    bench.fault = () => ({ kind: 'answer', status: 200, body: { ok: false, error } })
    await expect(send(person('ada'))).rejects.toMatchObject({ code: error, ...expected })
  })

  test('invalid_payload, of a webhook: the message was cut off on its way', async () => {
    const { bench } = await open()
    const fetch: Io['fetch'] = ({ body = '', ...request }) => bench.io.fetch({ ...request, body: body.slice(0, -1) })
    const channel = slack.open({ webhook_url: HOOK }, { ...bench.io, fetch })
    const sending = channel.send([person('ada')], slack.into.parse({ message: NEW }), SLOT)
    await expect(sending).rejects.toMatchObject({ kind: 'batch', code: 'invalid_payload' })
  })

  test('a message that one row makes too long is refused alone', async () => {
    const { send, texts } = await open({ into: PER_ROW })
    expect(await send(person('ada'), person('bea', { name: 'x'.repeat(40_001) }), person('cleo'))).toMatchObject([
      { outcome: 'written' },
      { outcome: 'refused', kind: 'row', code: 'msg_too_long' },
      { outcome: 'written' },
    ])
    expect(texts()).toEqual(['ada is new', 'cleo is new'])
  })

  test('six messages in a moment are too many, and a second later one more is not', async () => {
    let time = NOW
    const { send } = await open({ into: PER_ROW, vendor: { now: () => time } })
    const receipts = await send(...people(6))
    expect(receipts.map(({ outcome }) => outcome)).toEqual([...Array(5).fill('written'), 'again'])
    expect(receipts.at(-1)).toMatchObject({ code: 'ratelimited', applied: 'no', after: 1_000, throttled: true })
    time += 5_000
    expect(await send(person('p5'))).toMatchObject([{ outcome: 'written' }])
  })
})

describe('check', () => {
  const token = (...scopes: string[]) => ({ vendor: { token: { value: TOKEN, scopes } } })
  const private_ = (more: object) => ({ vendor: { channels: [{ id: CHANNEL, ...more }] } })

  test.each<[string, Given, object]>([
    ['a scope', token('channels:read'), { kind: 'auth', message: expect.stringContaining('"chat:write"') }],
    [
      'the scope of the history',
      { ...token('chat:write'), into: { check_history: true } },
      { kind: 'auth', message: expect.stringContaining('"channels:history"') },
    ],
    ['a channel', { into: { channel: undefined } }, { kind: 'config', code: 'no_channel' }],
    ['a channel that is there', { into: { channel: 'C9999999' } }, { kind: 'config', code: 'channel_not_found' }],
    ['a channel that lives', private_({ isArchived: true }), { kind: 'config', code: 'is_archived' }],
    ['an invitation', private_({ isForeign: true }), { kind: 'config', code: 'not_in_channel' }],
    ['an id', { into: { channel: '#sales', check_history: true } }, { kind: 'config', code: 'no_channel_id' }],
    ['a template', { into: { message: '{{#each rows}}' } }, { kind: 'config', code: 'bad_body' }],
    ['blocks', { into: { blocks: '[{{#each rows}}' } }, { kind: 'config', code: 'bad_body' }],
    ['an address', { account: { webhook_url: 'nowhere' } }, { kind: 'config', code: 'bad_url' }],
    [
      'an incoming webhook',
      { account: { webhook_url: 'https://hooks.slack.com/triggers/T0/1/x' } },
      { kind: 'config', code: 'bad_url' },
    ],
    [
      'no channel beside a webhook',
      { account: { webhook_url: HOOK }, into: { channel: CHANNEL } },
      { kind: 'config', code: 'fixed_channel' },
    ],
    [
      'no history of a webhook',
      { account: { webhook_url: HOOK }, into: { check_history: true } },
      { kind: 'config', code: 'no_history' },
    ],
  ])('names %s that is needed, and posts nothing', async (_, given, expected) => {
    const { check, held } = await open(given)
    await expect(check()).rejects.toMatchObject(expected)
    expect(held()).toEqual([])
  })

  test('is content with a webhook, with a public channel, and with a channel of which it may not ask', async () => {
    for (const given of [
      { account: { webhook_url: HOOK } },
      {
        vendor: {
          channels: [{ id: CHANNEL, isForeign: true }],
          token: { value: TOKEN, scopes: [...SCOPES, 'chat:write.public'] },
        },
      },
      token('chat:write'),
    ])
      await (await open(given)).check()
  })

  test('an account has one way in, and a row that is a message needs a text', () => {
    const accounts = [{ token: TOKEN }, { webhook_url: HOOK }, {}, { token: TOKEN, webhook_url: HOOK }]
    expect(accounts.map((one) => slack.account.safeParse(one).success)).toEqual([true, true, false, false])
    expect([{ per: 'row' }, PER_ROW].map((one) => slack.into.safeParse(one).success)).toEqual([false, true])
  })
})

test('the stand-in knows the requests of its account by webhook or token', () => {
  const hook = slackStand({ webhook_url: HOOK })
  const [url, api] = [new URL(HOOK), new URL('https://slack.com/api/auth.test')]
  expect([hook.isHost(url), hook.isHost(api)]).toEqual([true, false])
  expect(hook.claims({ method: 'POST', url: HOOK }, url)).toBe(true)
  const token = slackStand({ token: TOKEN })
  expect([token.isHost(url), token.isHost(api)]).toEqual([false, true])
  const headers = { authorization: `Bearer ${TOKEN}` }
  expect(token.claims({ method: 'GET', url: api.href, headers }, api)).toBe(true)
  expect(slackStand({ token: 'unset' }).identity).not.toBe(slackStand({ webhook_url: 'unset' }).identity)
})

function section(text: string) {
  return { type: 'section', text: { type: 'mrkdwn', text } }
}
