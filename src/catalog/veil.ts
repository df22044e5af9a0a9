import { isPersonalKey, isPersonalType } from '../project/personal.ts'
import type { Entity, Project, Source } from '../project/project.ts'

/** An identifier as it may be shown. */
export interface Shown {
  readonly type: string
  readonly value: string
}

/** An identifier as the warehouse knows it. */
export interface Named {
  readonly type: string
  readonly value: string
  readonly node_id?: number | null
}

/** Hides what says who somebody is. */
export interface Veil {
  /** The identifier; a personal value as `[hidden #7]`, 7 being the number that it has in the warehouse. */
  readonly identifier: (one: Named) => Shown
  /** The key of a row of a source. */
  readonly key: (source: Source, key: string | null) => string | null
}

/** Hides emails, phones, and whatever else an entity's identifiers are that is personal; nothing with `open`. */
export function veilOf(project: Project, entity: Entity, open: boolean): Veil {
  if (open) return { identifier: ({ type, value }) => ({ type, value }), key: (_, key) => key }
  const personal = new Set([
    ...entity.identifiers.filter((type) => isPersonalType(project, type)).map(({ name }) => name),
    ...[...project.sources.values()]
      .filter((source) => isPersonalKey(project, source))
      .map(({ name }) => `row:${name}`),
  ])
  return {
    identifier: ({ type, value, node_id: number }) => ({ type, value: personal.has(type) ? hidden(number) : value }),
    key: (source, key) => (key !== null && isPersonalKey(project, source) ? hidden() : key),
  }
}

function hidden(number?: number | null): string {
  return number === undefined || number === null ? '[hidden]' : `[hidden #${number}]`
}
