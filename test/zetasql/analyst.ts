import type { Field } from '../../src/warehouses/bigquery-cells.ts'
import type { Analyst } from '../emulators/bigquery-engine.ts'
import { Refusal } from '../emulators/bigquery-rules.ts'
import type { Parameter } from '../emulators/bigquery-values.ts'
import type { Message, ZetaSql } from './server.ts'

/** Tables by `dataset.name`. */
export type Tables = ReadonlyMap<string, readonly Field[]>

/** Has every statement of an emulated project resolved, with all its names and types, before it runs. */
export function analystOf(server: ZetaSql): Analyst {
  return async (query, tables, parameters) => {
    const problem = await problemWith(server, query, tables, parameters)
    if (problem !== undefined) throw new Refusal(400, 'invalidQuery', `ZetaSQL: ${problem}`)
  }
}

/** What is wrong with a statement, in the analyser's words; undefined where it stands. */
export async function problemWith(
  server: ZetaSql,
  query: string,
  tables: Tables,
  parameters: readonly Parameter[] = [],
): Promise<string | undefined> {
  if (/^\s*(begin|commit|rollback) transaction/i.test(query)) return undefined
  try {
    await analyse(server, query, tables, parameters)
    return undefined
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    // Resolved, and the tree that came of it is deeper than the client reads.
    return message.includes('Response message parsing error: maximum nesting depth') ? undefined : message
  }
}

/** What the analyser makes of a statement. Throws where it cannot stand. */
export async function analyse(
  server: ZetaSql,
  query: string,
  tables: Tables,
  parameters: readonly Parameter[] = [],
): Promise<Message> {
  const language = { ...(server.options.language_options as Message), supported_statement_kinds: KINDS }
  return await server.call('Analyze', {
    sql_statement: query,
    options: {
      ...{ ...server.options, language_options: language, allow_undeclared_parameters: parameters.length === 0 },
      query_parameters: parameters.map(({ name, parameterType }) => ({
        name,
        type: { type_kind: `TYPE_${parameterType?.type === 'FLOAT64' ? 'DOUBLE' : parameterType?.type}` },
      })),
    },
    simple_catalog: {
      name: 'project',
      builtin_function_options: { language_options: language },
      catalog: catalogsOf(tables),
    },
  })
}

const KINDS = [
  ...['QUERY', 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'DROP', 'CREATE_TABLE', 'CREATE_TABLE_AS_SELECT'],
  ...['CREATE_VIEW', 'CREATE_SCHEMA', 'ALTER_TABLE'],
].map((kind) => `RESOLVED_${kind}_STMT`)

function catalogsOf(tables: Tables): readonly Message[] {
  const datasets = new Map<string, Message[]>()
  for (const [full, fields] of tables) {
    const [dataset = '', ...name] = full.split('.')
    const table = { name: name.join('.'), column: fields.map((field) => ({ name: field.name, type: typeOf(field) })) }
    datasets.set(dataset, [...(datasets.get(dataset) ?? []), table])
  }
  return [...datasets].map(([name, table]) => ({ name, table }))
}

const TYPES: Readonly<Record<string, string>> = {
  ...{ STRING: 'STRING', INTEGER: 'INT64', FLOAT: 'DOUBLE', NUMERIC: 'NUMERIC', BOOLEAN: 'BOOL', DATE: 'DATE' },
  ...{ TIMESTAMP: 'TIMESTAMP', DATETIME: 'DATETIME', BYTES: 'BYTES', JSON: 'JSON' },
}

function typeOf({ type, mode }: Field): Message {
  const kind = { type_kind: `TYPE_${TYPES[type] ?? type}` }
  return mode === 'REPEATED' ? { type_kind: 'TYPE_ARRAY', array_type: { element_type: kind } } : kind
}
