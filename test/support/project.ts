import type { At } from '../../src/error.ts'
import type { Entity, IdentifierType, Project, Source } from '../../src/project/project.ts'
import { NO_UNIT_TESTS } from '../../src/project/unit-test.ts'

const AT: At = { file: 'test.yaml', line: 1, column: 1, length: 1, text: '' }

/** What everything named has, for projects that tests write down as data. */
export function named(name: string) {
  return { name, at: AT, description: undefined, owner: undefined, tags: [] }
}

/** A table source in the schema `raw`. */
export function source(name: string, more: Partial<Source>): Source {
  return {
    ...named(name),
    relation: { kind: 'table', schema: 'raw', table: name },
    category: 'event',
    key: undefined,
    occurredAt: undefined,
    updatedAt: undefined,
    loadedAt: undefined,
    overlapHours: 96,
    appendOnly: false,
    mayBeEmpty: false,
    identifiers: [],
    types: new Map(),
    pii: new Map(),
    belongsTo: new Map(),
    ...more,
  }
}

/** An identifier type that is compared as it is and joins whoever shares it. */
export function identifier(name: string, more: Partial<IdentifierType> = {}): IdentifierType {
  return { name, normalise: 'exact', link: true, maxFanout: undefined, limit: undefined, block: [], ...more }
}

export function entity(name: string, identifiers: readonly IdentifierType[], more: Partial<Entity> = {}): Entity {
  return {
    ...named(name),
    of: undefined,
    identifiers,
    always: undefined,
    never: undefined,
    guard: { maxProfileSize: undefined, maxMergeRate: undefined, onViolation: 'fail' },
    traits: new Map(),
    ...more,
  }
}

/** A project over one DuckDB warehouse. */
export function project(parts: {
  readonly sources: readonly Source[]
  readonly entities: readonly Entity[]
  readonly more?: Partial<Project>
}): Project {
  return {
    name: 'test',
    directory: process.cwd(),
    target: { name: 'local', type: 'duckdb', options: {} },
    schemas: { models: 'cdp', state: '_cdp' },
    timezone: 'UTC',
    phoneCountry: undefined,
    now: '2026-01-01T00:00:00Z',
    history: { amount: 730, unit: 'day' },
    sources: new Map(parts.sources.map((each) => [each.name, each])),
    entities: new Map(parts.entities.map((each) => [each.name, each])),
    segments: new Map(),
    purposes: new Map(),
    destinations: new Map(),
    syncs: new Map(),
    dataTests: [],
    unitTests: NO_UNIT_TESTS,
    warnings: [],
    ...parts.more,
  }
}
