import type { Project } from '../project/project.ts'
import type { NamePart, Table } from '../sql/sql.ts'

const BUILD: NamePart = { token: 'b', offset: 0 }

/** A table that outlives builds: `<state>.<name>`. */
export function stateTable(project: Pick<Project, 'schemas'>, ...name: readonly NamePart[]): Table {
  return { schema: project.schemas.state, name }
}

/** A table of one build: `<state>.b<build>_<name>`. */
export function buildTable(project: Pick<Project, 'schemas'>, ...name: readonly NamePart[]): Table {
  return { schema: project.schemas.state, name: [BUILD, '_', ...name] }
}

/** A table of the build that readers see, which is kept for them. */
export function publishedTable(project: Pick<Project, 'schemas'>, ...name: readonly NamePart[]): Table {
  return { schema: project.schemas.state, name: [{ token: 'p', offset: 0 }, '_', ...name] }
}

/** A published view: `<models>.<name>`. */
export function publishedView(project: Pick<Project, 'schemas'>, name: string): Table {
  return { schema: project.schemas.models, name: [name] }
}

/** One row per profile: profile_id, first_seen_at, last_seen_at, then one column per trait in YAML order. */
export function profileTable(project: Pick<Project, 'schemas'>, entity: string): Table {
  return buildTable(project, entity)
}

/** One row per profile: profile_id, then one boolean (never null) per segment of the entity: is the profile a member? */
export function segmentsTable(project: Pick<Project, 'schemas'>, entity: string): Table {
  return buildTable(project, entity, '_segments')
}

/** One row: `now`, the business time of the build as an instant. */
export function clockTable(project: Pick<Project, 'schemas'>): Table {
  return buildTable(project, 'clock')
}
