import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..', 'src')

/** Who may import whom: a file imports its own layer and those before it. The first pattern that fits is its layer. */
const LAYERS: readonly (readonly RegExp[])[] = [
  [/^error\.ts$/, /^phone\.ts$/, /^secret\.ts$/, /^package\.ts$/],
  [/^sql\//, /^connectors\/(connector|database)\.ts$/],
  [/^world\.ts$/, /^warehouses\/warehouse\.ts$/, /^connectors\/sandbox\/sandbox\.ts$/],
  [/^project\//],
  [/^compile\//],
  [/^arrange\.ts$/],
  [/^build(\/|\.ts$)/],
  [/^publish\.ts$/],
  [/^sync\//],
  [/^environment\.ts$/, /^catalog\//],
  [/^testing\//],
  [/^open\.ts$/, /^destination-failure\.ts$/],
  [/^syncs\.ts$/, /^report\.ts$/, /^scripts\.ts$/, /^ledger-views\.ts$/],
  [/^unit-tests\.ts$/, /^test-report\.ts$/],
  [/^plan-report\.ts$/],
  [/^stages\.ts$/],
  [/^pipeline\.ts$/, /^tests\.ts$/, /^answers\.ts$/, /^doctor(\/|\.ts$)/],
  [/^plan\.ts$/],
  [/^mending\.ts$/],
  [/^ledger-reset\.ts$/, /^ledger-read\.ts$/, /^ledger-compare\.ts$/, /^ledger-rekey\.ts$/],
  [/^commands\//],
  [/^cli\.ts$/],
]

/** What stands beside the pipeline and is reached through its interface only. */
const ADAPTERS = [/^warehouses\//, /^connectors\//]

const files = sourceFiles(ROOT)
const imports = new Map(files.map((file) => [file, importsOf(file)]))

describe('the architecture', () => {
  test('every file has a layer', () => {
    expect(files.filter((file) => layerOf(file) === undefined && !isAdapter(file))).toEqual([])
  })

  test('imports point one way', () => {
    const against = edges().filter(([from, to]) => !isAdapter(from) && !isAdapter(to) && rank(to) > rank(from))
    expect(against).toEqual([])
  })

  test('warehouses and connectors are known by their interfaces only, but to the command that builds the registries', () => {
    const reached = edges().filter(([from, to]) => isAdapter(to) && !isAdapter(from) && from !== 'commands/world.ts')
    expect(reached).toEqual([])
  })

  test('warehouses and connectors know only interfaces and what lies below them', () => {
    const above = edges().filter(([from, to]) => isAdapter(from) && !isAdapter(to) && rank(to) > rank('world.ts'))
    expect(above).toEqual([])
  })

  test('no file imports itself through others', () => {
    expect(files.flatMap((file) => cycleFrom(file))).toEqual([])
  })

  test('no dialect is named in what compiles', () => {
    const named = files
      .filter((file) => file.startsWith('compile/'))
      .filter((file) => /duckdb|postgres|bigquery|snowflake|redshift/i.test(textOf(file)))
    expect(named).toEqual([])
  })

  test('the sync engine takes clock, random and network as arguments', () => {
    const direct = files
      .filter((file) => file.startsWith('sync/'))
      .filter((file) =>
        /Date\.now|new Date\(\)|Math\.random|setTimeout|globalThis\.fetch|(?<![.\w])fetch\(/.test(textOf(file)),
      )
    expect(direct).toEqual([])
  })

  test('only commands and the entry print or exit', () => {
    const loud = files
      .filter((file) => !file.startsWith('commands/') && file !== 'cli.ts')
      .filter((file) => /console\.|process\.(stdout|stderr|exit)/.test(textOf(file)))
    expect(loud).toEqual([])
  })

  test('no file is longer than 400 lines', () => {
    expect(files.filter((file) => textOf(file).split('\n').length > 401)).toEqual([])
  })
})

function sourceFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.split(sep).join('/'))
    .sort()
}

function importsOf(file: string): readonly string[] {
  const found = textOf(file).matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)
  return [...found].flatMap(([, path]) => (path === undefined ? [] : [posix.join(dirname(file), path)]))
}

function textOf(file: string): string {
  return readFileSync(join(ROOT, relative('.', file)), 'utf8')
}

function edges(): readonly (readonly [string, string])[] {
  return [...imports].flatMap(([from, tos]) => tos.map((to) => [from, to] as const))
}

function layerOf(file: string): number | undefined {
  const layer = LAYERS.findIndex((patterns) => patterns.some((pattern) => pattern.test(file)))
  return layer === -1 ? undefined : layer
}

function rank(file: string): number {
  return layerOf(file) ?? Number.POSITIVE_INFINITY
}

function isAdapter(file: string): boolean {
  return layerOf(file) === undefined && ADAPTERS.some((pattern) => pattern.test(file))
}

function cycleFrom(start: string): readonly string[] {
  const path: string[] = []
  const seen = new Set<string>()
  const visit = (file: string): boolean => {
    for (const next of imports.get(file) ?? []) {
      if (next === start) return path.push(file) > 0
      if (seen.has(next)) continue
      seen.add(next)
      if (visit(next)) return path.push(file) > 0
    }
    return false
  }
  return visit(start) ? [`${[...path].reverse().join(' → ')} → ${start}`] : []
}
