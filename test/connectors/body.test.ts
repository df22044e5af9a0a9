import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DestinationError } from '../../src/connectors/connector.ts'
import { readBody } from '../../src/connectors/webhook/body.ts'

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
  ])('%s is an error of configuration', async (_, template) => {
    const attempt = async () => (await readBody(template, 'text/plain'))({ x: 'y' })
    await expect(attempt()).rejects.toMatchObject({ kind: 'config', code: 'bad_body' })
    await expect(attempt()).rejects.toBeInstanceOf(DestinationError)
  })

  test('a body that is no JSON is an error that does not quote the values', async () => {
    const body = await readBody('{"a": {{x}} }', JSON_TYPE)
    const error = await Promise.resolve()
      .then(() => body({ x: 'jane.doe@example.com' }))
      .catch((one: unknown) => one)
    expect(error).toMatchObject({ kind: 'config' })
    expect(String(error)).not.toContain('jane')
  })
})
