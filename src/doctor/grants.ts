import type { Environment, Request } from '../environment.ts'
import { identityLists } from '../project/identity-lists.ts'
import type { Project } from '../project/project.ts'
import { type PlainRelation, tableOf, tableText } from '../project/relation.ts'
import { read, warehouseOf } from '../stages.ts'
import { sandboxSchema } from '../syncs.ts'

/** The role that a script names where nobody said another. */
export const ROLE = 'cdp'

/** What an administrator runs so that a role may do all that the project needs, and no more. Opens nothing. Throws CdpError. */
export async function grants(request: Request, environment: Environment, role: string = ROLE): Promise<string> {
  const project = await read(request, environment)
  const relations = relationsOf(project)
  const tables = relations.flatMap(([, relation]) => (relation.kind === 'table' ? [relation] : []))
  const named = new Map(tables.map((relation) => [tableText(relation), tableOf(relation)]))
  const { models, state } = project.schemas
  return warehouseOf(project, environment).grants({
    project: project.name,
    options: project.target.options,
    role,
    tables: [...named].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, table]) => table ?? []),
    models: relations.flatMap(([name, { kind }]) => (kind === 'sql' ? [name] : [])),
    schemas: { models, state, sandbox: sandboxSchema(project.schemas) },
  })
}

function relationsOf(project: Project): readonly (readonly [name: string, relation: PlainRelation])[] {
  const sources = [...project.sources.values()]
  const lists = identityLists(project).map(({ title, source }) => ({ name: title, relation: source.relation }))
  return [...sources, ...lists].map(({ name, relation }) => [name, relation.kind === 'pairs' ? relation.of : relation])
}
