import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { connectors } from '../../src/connectors/index.ts'

// Whoever copies an example from a page must not be told that it is wrong.

interface Example {
  readonly destinations: Readonly<Record<string, { readonly type: string } & Readonly<Record<string, unknown>>>>
  readonly syncs: Readonly<Record<string, { readonly to: string; readonly into?: unknown; readonly mode: string }>>
}

test.each(['mailchimp', 'slack', 'webhook', 'file'])('the examples of the page "%s" are taken', (name) => {
  const page = readFileSync(new URL(`../../docs/destinations/${name}.md`, import.meta.url), 'utf8')
  const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block = '']) => parse(block) as Example)
  expect(blocks.length).toBeGreaterThan(0)
  const connector = connectors().get(name)
  for (const { destinations, syncs } of blocks) {
    for (const { type, ...account } of Object.values(destinations)) {
      expect(type).toBe(name)
      expect(connector?.account.safeParse(account).error).toBeUndefined()
    }
    for (const { to, into = {}, mode } of Object.values(syncs)) {
      expect(Object.keys(destinations)).toContain(to)
      expect(connector?.into.safeParse(into).error).toBeUndefined()
      expect(connector?.modes).toContain(mode)
    }
  }
})
