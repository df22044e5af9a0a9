import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/connectors/connector.ts'
import { openPrinter } from '../../src/connectors/slack/message.ts'
import { into } from '../../src/connectors/slack/place.ts'
import { changeOf } from '../support/vendor.ts'

// What may stand in a message, whatever the rows hold: their values as text, and nothing that Slack acts upon.

const COLUMNS = { key: ['email'], fields: ['name', 'about'] }
const SECTION = { type: 'section', text: { type: 'mrkdwn', text: '{{#each rows}}[{{name}}]{{/each}}' } }

const NASTY = [
  '<!channel>',
  '<!here|x>',
  '<@U0123ABC>',
  '<#C0123>',
  '<https://evil.test|x>',
  '@here',
  '&lt;',
  '&amp;lt;',
]
const PIECES = [
  ...NASTY,
  '<',
  '>',
  '&',
  '"',
  '\\',
  '{{json rows}}',
  '\n',
  '\r\n',
  '\u2028',
  '\u2029',
  '👩‍👧',
  '\ud83d',
  'é',
  '*',
]
const value = fc.oneof(
  fc.array(fc.constantFrom(...PIECES)).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary' }),
)

/** What Slack shows for a text. */
const shown = (text: string) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
/** A value on one line, in letters that there are. */
const line = (text: string) => text.replace(/[\r\n\u2028\u2029]+/g, ' ').replace(/\p{Surrogate}/gu, '\ufffd')

async function print(names: readonly string[], options: object, about: Json = null) {
  const printer = openPrinter({ sync: 'vips', columns: COLUMNS })
  const changes = names.map((name, n) => changeOf({ email: `p${n}@shop.test` }, { name, about }))
  return printer.print(changes, into.parse({ first: 50, ...options }))
}

/** Angle brackets make links and mentions; an ampersand begins an entity. */
function expectInert(text: string): void {
  expect(text).not.toMatch(/[<>]/)
  expect(text).not.toMatch(/&(?!(?:amp|lt|gt);)/)
}

describe('a message, whatever its rows hold', () => {
  const names = fc.array(value, { minLength: 1, maxLength: 5 })

  test('shows every value as it is, and calls nobody', () =>
    fc.assert(
      fc.asyncProperty(names, async (given) => {
        const { text } = await print(given, { message: '{{#each rows}}[{{name}}]{{/each}}' })
        expectInert(text)
        expect(shown(text)).toBe(given.map((name) => `[${line(name)}]`).join(''))
      }),
      { seed: 11, numRuns: 120 },
    ))

  test('has the blocks of its template, and no others', () =>
    fc.assert(
      fc.asyncProperty(names, async (given) => {
        for (const blocks of [[SECTION], JSON.stringify({ blocks: [SECTION] })]) {
          const message = await print(given, { blocks })
          const [block, ...others] = message.blocks ?? []
          const text = (block as typeof SECTION).text.text
          expect([others, block]).toEqual([[], { ...SECTION, text: { ...SECTION.text, text } }])
          expectInert(text)
          expect(shown(text)).toBe(given.map((name) => `[${line(name)}]`).join(''))
        }
      }),
      { seed: 12, numRuns: 50 },
    ))

  test('is inert also where values are printed as JSON, down to the names in them', () =>
    fc.assert(
      fc.asyncProperty(value, fc.dictionary(value, value, { maxKeys: 3 }), async (name, about) => {
        const { text } = await print([name], { message: '{{json rows}}' }, about)
        expectInert(text)
        const found = JSON.parse(shown(text).replaceAll('\ufffd', '?'))[0].name
        expect(found).toBe(line(name).replaceAll('\ufffd', '?'))
      }),
      { seed: 13, numRuns: 100 },
    ))
})

describe('a message that is too long', () => {
  test('lists fewer rows: more than 50 blocks, long texts, long headers, long fields', async () => {
    const each = (block: object) => `[{{#each rows}}{{#unless @first}},{{/unless}}${JSON.stringify(block)}{{/each}}]`
    const mrkdwn = (text: string) => ({ type: 'mrkdwn', text })
    const many = Array.from({ length: 50 }, (_, n) => `name ${n} ${'x'.repeat(90)}`)
    const twice = `[{{#each rows}}{{#unless @first}},{{/unless}}{"type":"divider"},${JSON.stringify({ type: 'section', text: mrkdwn('{{name}}') })}{{/each}}]`
    const printed = async (blocks: string) => (await print(many, { blocks })).blocks ?? []
    expect(await printed(twice)).toHaveLength(50)
    expect(await printed(each({ type: 'section', text: mrkdwn('{{name}}') }))).toHaveLength(50)
    const all = '{{#each rows}}{{name}} {{/each}}'
    const [header] = await printed(JSON.stringify([{ type: 'header', text: { type: 'plain_text', text: all } }]))
    expect(JSON.stringify(header).length).toBeLessThan(250)
    const [section] = await printed(JSON.stringify([{ type: 'section', fields: [mrkdwn(all)] }]))
    expect(JSON.stringify(section).length).toBeLessThan(2_100)
    expect((await print(many, { message: all })).text.length).toBeLessThanOrEqual(4_000)
  })
})
