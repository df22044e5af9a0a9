import { type LookupStatements, lookupStatements } from '../compile/identity/explain-lookup.ts'
import { NOT_VALID } from '../compile/identity/window.ts'
import { hasRowNodes, rowType } from '../compile/rows.ts'
import { type CdpError, failure, nearest } from '../error.ts'
import { phoneReader } from '../phone.ts'
import type { IdentifierType } from '../project/project.ts'
import { listed } from '../sync/listed.ts'
import type { Known } from './evidence.ts'
import type { OpenGraph } from './graph.ts'

/** What an argument names: an identifier or a profile id. */
export interface Subject {
  readonly graph: OpenGraph
  /** Undefined where the argument is a profile id. */
  readonly identifier: Known | undefined
  /** Undefined where the identifier joins nobody. */
  readonly profile: { readonly anchor: number; readonly id: string } | undefined
  /** The id that was named, where it was merged away: `profile` is the one in use. */
  readonly alias: { readonly anchor: number; readonly id: string } | undefined
}

/**
 * Finds who is meant by a profile id, by `type:value` or by a bare value, compared as the data is. Throws CdpError
 * `command/arguments` where it is nobody, or more than one.
 */
export async function findSubject(graphs: readonly OpenGraph[], argument: string): Promise<Subject> {
  const value = argument.trim()
  const byId = await findId(graphs, value)
  if (byId !== undefined) return byId
  const asked = typesNamed(graphs, value)
  const found = await findIdentifiers(graphs, asked)
  const [only, ...more] = found.filter(({ identifier }) => identifier.standing !== 'gone')
  const subject = only ?? found[0]
  if (subject === undefined) throw unknown(graphs, argument, asked)
  if (more.length > 0 || (only === undefined && found.length > 1)) throw ambiguous(argument, asked.value, found)
  return subject
}

type Found = Subject & { readonly identifier: Known }

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i

async function findId(graphs: readonly OpenGraph[], value: string): Promise<Subject | undefined> {
  if (!UUID.test(value)) return undefined
  for (const graph of graphs) {
    const row = await graph.session.first({ statement: graph.statements.byId, values: { id: value } })
    if (row === undefined) continue
    const asked = { anchor: Number(row.anchor), id: row.profile_id ?? '' }
    const profile = { anchor: Number(row.used_anchor), id: row.used_id ?? '' }
    const isStale = asked.anchor !== profile.anchor
    return { graph, identifier: undefined, profile, alias: isStale ? asked : undefined }
  }
  return undefined
}

/** What an argument asks for: a value, and where it names one, the type. */
interface Asked {
  readonly type: string | undefined
  readonly value: string
}

/** The longest type before a colon: the types of rows that are profiles hold one themselves. */
function typesNamed(graphs: readonly OpenGraph[], text: string): Asked {
  const [type] = graphs
    .flatMap(allTypes)
    .filter((name) => text.startsWith(`${name}:`))
    .sort((a, b) => b.length - a.length)
  return type === undefined ? { type, value: text } : { type, value: text.slice(type.length + 1).trim() }
}

function allTypes({ context, entity }: OpenGraph): readonly string[] {
  const rows = [...context.project.sources.values()].filter((source) => hasRowNodes(source, entity)).map(rowType)
  return [...entity.identifiers.map(({ name }) => name), ...rows]
}

async function findIdentifiers(graphs: readonly OpenGraph[], asked: Asked): Promise<readonly Found[]> {
  const [first] = graphs
  if (first === undefined || asked.value === '') return []
  const formsOf = await readForms(first, asked.value)
  const found: Found[] = []
  for (const graph of graphs) {
    const types = allTypes(graph).filter((name) => asked.type === undefined || name === asked.type)
    const wanted: { readonly type: string; readonly value: string }[] = []
    for (const type of types) {
      const declared = graph.entity.identifiers.find(({ name }) => name === type)
      wanted.push(...(await formsOf(declared?.normalise ?? 'exact')).map((value) => ({ type, value })))
    }
    if (wanted.length === 0) continue
    const rows = await listed(graph.session, graph.statements.byValue, { wanted: JSON.stringify(wanted) })
    found.push(...rows.filter(({ value }) => value !== NOT_VALID).map((one) => subjectOf(graph, one)))
  }
  return found
}

function subjectOf(graph: OpenGraph, identifier: Known): Found {
  const { anchor, profile_id: id } = identifier
  const profile = anchor === null || id === null ? undefined : { anchor, id }
  return { graph, identifier, profile, alias: undefined }
}

type Forms = (how: IdentifierType['normalise']) => Promise<readonly string[]>

/** The forms of a value in which identifiers are compared; the library for phones is loaded where one is asked for. */
async function readForms(graph: OpenGraph, value: string): Promise<Forms> {
  const statements = lookupStatements(graph.context)
  const row = (await graph.session.first({ statement: statements.forms, values: { value } })) ?? {}
  let phones: Promise<readonly string[]> | undefined
  return async (how) => {
    if (how !== 'phone') return [row[how] ?? []].flat()
    phones ??= readPhones(graph, statements, row.exact ?? '')
    return phones
  }
}

/** A phone in the project's country; where it is none there, what rows that hold it were read as. */
async function readPhones(graph: OpenGraph, { phones }: LookupStatements, raw: string): Promise<readonly string[]> {
  const read = await phoneReader()
  const here = read(raw, graph.context.project.phoneCountry)
  if (here !== null) return [here]
  return (await listed(graph.session, phones, { value: raw })).map(({ e164 }) => e164)
}

function unknown(graphs: readonly OpenGraph[], argument: string, { type }: Asked): CdpError {
  const types = [...new Set(graphs.flatMap((graph) => graph.entity.identifiers.map(({ name }) => name)))]
  if (type !== undefined)
    return failure('project', 'command/arguments', `No row that is published holds "${argument}".`)
  const message = `Nothing is known of "${argument}": it is no profile id, and no row that is published holds it.`
  const prefix = /^([\w-]+):/.exec(argument)?.[1]
  const close = prefix === undefined ? undefined : nearest(prefix, types)
  const fix =
    close === undefined
      ? `An identifier is one of ${types.join(', ')}; a value that holds a colon is written type:value.`
      : `Did you mean "${close}${argument.slice(prefix?.length ?? 0)}"?`
  return failure('project', 'command/arguments', message, fix)
}

function ambiguous(argument: string, value: string, found: readonly Found[]): CdpError {
  const each = found.map(
    ({ graph, identifier, profile }) =>
      `${identifier.type} (${profile === undefined ? `${identifier.standing}, joins nobody` : `${graph.entity.name} ${profile.id}`})`,
  )
  const [first] = found
  const isTyped = new Set(found.map(({ identifier }) => identifier.type)).size < found.length
  return failure(
    'project',
    'command/arguments',
    `"${argument}" is more than one identifier: ${each.join(', ')}.`,
    isTyped
      ? 'Name the entity with --entity, or the profile by its id.'
      : `Say which: "${first?.identifier.type}:${value}".`,
  )
}
