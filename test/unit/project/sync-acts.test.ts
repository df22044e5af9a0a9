import { expect, test } from 'vitest'
import { read } from '../../support/shop.ts'

// The table of `docs/consent.md`. The letters' verbs, mildest first: stamp (does not stop contact), archive, and burn,
// which deletes.
test.each([
  ['mirror', '', 'archive', 'archive'],
  ['mirror', 'on_leave: archive', 'archive', 'archive'],
  ['mirror', 'on_leave: burn', 'burn', 'burn'],
  ['mirror', 'on_leave: { stamp: gone }', 'stamp', 'archive'],
  ['mirror', 'on_leave: keep', undefined, 'archive'],
  ['mirror', 'on_leave: burn, on_withdraw: archive', 'burn', 'archive'],
  ['mirror', 'on_withdraw: burn', 'archive', 'burn'],
  ['upsert', '', undefined, 'archive'],
  ['upsert', 'on_leave: burn', 'burn', 'archive'],
  ['upsert', 'on_leave: burn, on_withdraw: burn', 'burn', 'burn'],
  ['append', '', undefined, undefined],
])('in mode %s with { %s } who leaves is met by %s, who withdraws by %s', async (mode, acts, leaves, withdraws) => {
  const more = acts === '' ? '' : `, ${acts}`
  const { project, diagnostics } = await read({
    'destinations/more.yaml': `syncs:\n  s: { to: post, into: { box: other }, audience: vips, key: { address: email }, fields: { NAME: name }, mode: ${mode}${more} }\n`,
  })
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
  const sync = project?.syncs.get('s')
  expect([sync?.onLeave?.verb, sync?.onWithdraw?.verb]).toEqual([leaves, withdraws])
})

test('an act that a place does not have is neither a default nor accepted there', async () => {
  const sync = (acts: string) =>
    `syncs:\n  s: { to: post, into: { box: sealed }, audience: vips, key: { address: email }, fields: { NAME: name }, mode: mirror${acts} }\n`
  const { project } = await read({ 'destinations/more.yaml': sync('') })
  expect(project?.syncs.get('s')).toMatchObject({ onLeave: undefined, onWithdraw: undefined })
  const { diagnostics } = await read({ 'destinations/more.yaml': sync(', on_leave: archive') })
  expect(diagnostics).toMatchObject([{ code: 'sync/leave', fix: 'It can: stamp, burn, keep.' }])
})
