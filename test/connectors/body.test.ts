import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readBody } from '../../src/connectors/body.ts'
import { DestinationError } from '../../src/connectors/connector.ts'

const JSON_TYPE = 'application/json'

describe('a template for bodies', () => {
  test('prints values, lists and JSON', async () => {
    const body = await readBody(
      '{"sync":"{{sync}}","people":[{{#each changes}}{{#if @index}},{{/if}}{"mail":"{{key}}","all":{{json fields}} }{{/each}}]}',
      JSON_TYPE,
    )
    expect(
      JSON.parse(
        body({
          sync: 's',
          changes: [
            { key: 'a', fields: { x: 1 } },
            { key: 'b', fields: {} },
          ],
        }),
      ),
    ).toEqual({
      sync: 's',
      people: [
        { mail: 'a', all: { x: 1 } },
        { mail: 'b', all: {} },
      ],
    })
  })

  test('a value cannot add a property to JSON, whatever it holds', async () => {
    const body = await readBody('{"a":"{{x}}"}', JSON_TYPE)
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (x) => {
        expect(JSON.parse(body({ x }))).toEqual({ a: x })
      }),
      { seed: 7, numRuns: 150 },
    )
    expect(JSON.parse(body({ x: '","admin":true,"b":"\u2028\n{{sync}}' }))).toEqual({
      a: '","admin":true,"b":"\u2028\n{{sync}}',
    })
  })

  test('values are escaped for forms and for XML', async () => {
    expect((await readBody('a={{x}}', 'application/x-www-form-urlencoded'))({ x: 'a&b=c' })).toBe('a=a%26b%3Dc')
    expect((await readBody('<a>{{x}}</a>', 'text/xml'))({ x: '<b>&' })).toBe('<a>&#60;b&#62;&#38;</a>')
  })

  test.each([
    ['a name that is missing', '{{nothing}}'],
    ['a missing name given to json', '{{json nothing}}'],
    ['a constructor', '{{constructor}}'],
    ['a constructor below a value', '{{x.constructor}}'],
    ['a prototype', '{{__proto__}}'],
    ['lookup', '{{lookup this "constructor"}}'],
    ['log', '{{log x}}'],
    ['an unknown helper', '{{shout x}}'],
    ['a partial', '{{> other}}'],
    ['an unescaped value', '{{{x}}}'],
    ['an open block', '{{#each x}}'],
    ['a list that is missing', '{{#each nothing}}{{/each}}'],
    ['a condition that is missing', '{{#if nothing}}{{/if}}'],
    ['a missing value to look into', '{{#with nothing}}{{/with}}'],
    ['a missing value outside a list', '{{#each list}}{{#if ../nothing}}{{/if}}{{/each}}'],
  ])('%s is an error of configuration', async (_, template) => {
    const attempt = async () => (await readBody(template, 'text/plain'))({ x: 'y', list: [1] })
    await expect(attempt()).rejects.toMatchObject({ kind: 'config', code: 'bad_body' })
    await expect(attempt()).rejects.toBeInstanceOf(DestinationError)
  })

  test('no template reaches what JavaScript knows of a value beside the value itself', async () => {
    const values = { text: 'y', list: ['y'], object: { a: 'y' }, number: 1 }
    const kinds = { '': Object, 'text.': String, 'list.': Array, 'object.': Object, 'number.': Number }
    const blocks = (path: string) =>
      ['if', 'with', 'each'].map((name) => `{{#${name} ${path}}}leak{{/${name}}}`).join('')
    for (const [before, kind] of Object.entries(kinds))
      for (const name of [...Object.getOwnPropertyNames(kind.prototype), '__proto__'].filter((one) => one !== 'length'))
        for (const form of [`{{${before}${name}}}`, `{{json ${before}${name}}}`, blocks(`${before}${name}`)]) {
          const printed = readBody(form, 'text/plain').then((body) => body(values))
          await expect(
            printed.catch(() => ''),
            form,
          ).resolves.toBe('')
        }
  })

  test('below a value that is there a name may be missing, in a condition', async () => {
    const body = await readBody('{{#if fields.name}}{{fields.name}}{{else}}-{{/if}}', 'text/plain')
    expect([body({ fields: { name: 'Ada' } }), body({ fields: {} })]).toEqual(['Ada', '-'])
  })

  test('lines of JSON stay one a change, whatever the values hold', async () => {
    const body = await readBody(
      '{{#each changes}}{"k":"{{key}}","f":{{json fields}} }\n{{/each}}',
      'application/x-ndjson',
    )
    const change = fc.record({ key: fc.string({ unit: 'binary' }), fields: fc.dictionary(fc.string(), fc.jsonValue()) })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), (changes) => {
        const lines = body({ changes: JSON.parse(JSON.stringify(changes)) }).split('\n')
        expect(lines.pop()).toBe('')
        const plain = JSON.parse(JSON.stringify(changes.map(({ key, fields }) => ({ k: key, f: fields }))))
        expect(lines.map((line) => JSON.parse(line))).toEqual(plain)
      }),
      { seed: 5, numRuns: 100 },
    )
  })

  test('a body that is no JSON is an error that does not quote the values', async () => {
    const body = await readBody('{"a": {{x}} }', JSON_TYPE)
    const error = await Promise.resolve()
      .then(() => body({ x: 'jane.doe@example.com' }))
      .catch((one: unknown) => one)
    expect(error).toMatchObject({ kind: 'config' })
    expect(String(error)).not.toContain('jane')
  })

  test('what is done to texts is done wherever they are printed, and its option is named in errors', async () => {
    const options = { option: 'message', text: (value: string) => value.toUpperCase() }
    const body = await readBody('{"a":"{{x}}","b":{{json y}} }', JSON_TYPE, options)
    expect(JSON.parse(body({ x: 'q"', y: { deep: ['z', 1] } }))).toEqual({ a: 'Q"', b: { DEEP: ['Z', 1] } })
    await expect(readBody('{{#each x}}', 'text/plain', options)).rejects.toThrow('The template in "message:"')
  })
})
