import type { Context } from '../compile/context.ts'
import { lookupStatements } from '../compile/identity/explain-lookup.ts'
import type { RowOf } from '../compile/listing.ts'
import { rowType } from '../compile/rows.ts'
import { peopleListing } from '../compile/unit-tests.ts'
import { phoneReader } from '../phone.ts'
import type { Entity, IdentifierType } from '../project/project.ts'
import type { Who } from '../project/unit-test.ts'
import { listed } from '../sync/listed.ts'
import type { Session } from '../warehouses/warehouse.ts'

/** Who somebody is in a build: one profile, or why not. */
export type Person =
  | { readonly kind: 'one'; readonly profile: string }
  /** The identifier is there, but joins nobody. */
  | { readonly kind: 'nobody'; readonly why: string }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'several'; readonly profiles: readonly string[] }

/** Finds people of one entity by what tests call them. */
export type FindPerson = (who: Pick<Who, 'text'>) => Promise<Person>

/** Reads whose the identifiers are in build `b`. */
export async function readPeople(
  context: Context,
  session: Session,
  entity: Entity,
  { build, forms }: { readonly build: number; readonly forms: Forms },
): Promise<FindPerson> {
  const { statement, columns } = peopleListing(context, entity)
  const people = await listed(session, { statement, columns }, {}, { b: build })
  return async (who) => {
    const asked = await askedFor(context, entity, who.text, forms)
    return personOf(people.filter(({ type, value }) => asked.some((one) => one.type === type && one.value === value)))
  }
}

type Identifier = RowOf<ReturnType<typeof peopleListing>['columns']>

function personOf(found: readonly Identifier[]): Person {
  const joined = profilesOf(found.filter(({ standing }) => standing === 'joins'))
  // One that joins nobody still names somebody where rows of one person alone hold it.
  const profiles = joined.length > 0 ? joined : profilesOf(found)
  const [only] = profiles
  if (profiles.length > 1) return { kind: 'several', profiles }
  if (only !== undefined) return { kind: 'one', profile: only }
  const quiet = found.find(({ standing }) => standing !== 'joins')
  return quiet === undefined ? { kind: 'unknown' } : { kind: 'nobody', why: WHY[quiet.standing] ?? quiet.standing }
}

function profilesOf(found: readonly Identifier[]): readonly string[] {
  return [...new Set(found.flatMap(({ profile_id: profile }) => (profile === null ? [] : [profile])))]
}

const WHY: Readonly<Record<string, string>> = {
  blocked: 'it is on the block list of its type',
  shared: 'it was seen with too many stronger identifiers',
  silent: 'its type has link: false',
}

/** The forms of a value in which identifiers are compared, by how they are normalised. */
export type Forms = (text: string, how: IdentifierType['normalise']) => Promise<readonly string[]>

/** What was asked before. */
export type KnownForms = Map<string, Promise<Readonly<Record<string, string | null>>>>

/** Asks the warehouse once a text; the library for phones is loaded where one is asked for. */
export function formsIn(context: Context, session: Session, known: KnownForms): Forms {
  const { forms } = lookupStatements(context)
  return async (text, how) => {
    if (how === 'phone') {
      const read = (await phoneReader())(text, context.project.phoneCountry)
      return read === null ? [] : [read]
    }
    const asked =
      known.get(text) ?? session.first({ statement: forms, values: { value: text } }).then((row) => row ?? {})
    known.set(text, asked)
    const form = (await asked)[how]
    return form === null || form === undefined ? [] : [form]
  }
}

/** `type:value` and bare values; rows without identifiers by the source and its key, or by the key alone. */
async function askedFor(
  { project }: Context,
  entity: Entity,
  text: string,
  forms: Forms,
): Promise<readonly { readonly type: string; readonly value: string }[]> {
  const types = [
    ...entity.identifiers.map(({ name, normalise }) => ({ prefix: name, type: name, how: normalise })),
    ...[...project.sources.values()].map((source) => ({
      prefix: source.name,
      type: rowType(source),
      how: 'exact' as const,
    })),
  ]
  const ways = types.flatMap((one) => [
    { ...one, value: text },
    ...(text.startsWith(`${one.prefix}:`) ? [{ ...one, value: text.slice(one.prefix.length + 1) }] : []),
  ])
  const all = await Promise.all(
    ways.map(async ({ type, how, value }) => (await forms(value, how)).map((form) => ({ type, value: form }))),
  )
  return all.flat()
}
