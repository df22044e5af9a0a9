// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${…}` of YAML files is what this file is about
import { expect, test } from 'vitest'
import { diagnose, ENV, read } from '../../support/shop.ts'

test('segments, destinations and syncs are copied once for each item, everywhere below them', async () => {
  const { project, diagnostics } = await read(
    {
      'models/more.yaml': `
segments:
  grown:
    for_each: [{ age: 30, name: "over 30" }, { age: "\${var:limit}", name: x }]
    description: "Older than \${each:age}: \${each:name}"
    where: age >= \${each:age}
    tags: [grown, "\${each:name}"]
  "in_\${each:town}_now": { for_each: [{ town: Paris }, { town: Lyon }], where: { member_of: "grown_30" } }
`,
      'destinations/more.yaml': `
destinations:
  office:
    for_each: [{ town: PARIS }, { town: LYON }]
    type: letters
    token: "\${env:TOKEN_\${each:town}}"
    office: \${each:town}
syncs:
  letters:
    for_each: [{ to: office_paris, box: one }, { to: office_lyon, box: two }]
    to: \${each:to}
    into: { box: "\${each:box}" }
    audience: grown_30
    key: { address: email }
    fields: { NAME: name }
`,
    },
    { env: { ...ENV, TOKEN_PARIS: 'a', TOKEN_LYON: 'b' } },
  )
  expect(diagnostics).toEqual([])
  const segments = [...(project?.segments.values() ?? [])].slice(0, 4)
  expect(segments.map(({ name, description, tags }) => [name, description, tags])).toEqual([
    ['grown_30', 'Older than 30: over 30', ['grown', 'over 30']],
    ['grown_500', 'Older than 500: x', ['grown', 'x']],
    ['in_Paris_now', undefined, []],
    ['in_Lyon_now', undefined, []],
  ])
  const offices = [...(project?.destinations.values() ?? [])].slice(0, 2)
  expect(offices.map(({ name, secrets }) => [name, secrets?.map((one) => one.name)])).toEqual([
    ['office_paris', ['TOKEN_PARIS']],
    ['office_lyon', ['TOKEN_LYON']],
  ])
  const syncs = [...(project?.syncs.values() ?? [])].slice(0, 2)
  expect(syncs.map(({ name, destination, into }) => [name, destination, into])).toEqual([
    ['letters_office_paris', 'office_paris', { box: 'one' }],
    ['letters_office_lyon', 'office_lyon', { box: 'two' }],
  ])
})

test('a mistake in a copy is told where it is written, once', async () => {
  const diagnostics = await diagnose({
    'models/more.yaml': 'segments:\n  s:\n    for_each: [{ n: 1 }, { n: 2 }]\n    where: aeg >= ${each:n}\n',
  })
  expect(diagnostics.map(({ code, at }) => [code, at?.line, at?.column])).toEqual([['ref/unknown-trait', 4, 12]])
})
