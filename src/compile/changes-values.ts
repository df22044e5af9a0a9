import type { FieldValue, Project, Sync, SyncField } from '../project/project.ts'
import { syncColumns } from '../project/sync-columns.ts'
import type { Dialect, ValueType } from '../sql/dialect.ts'
import { column, join, type Sql, sql, text } from '../sql/sql.ts'
import { printExpression } from './expression.ts'
import type { LedgerTables } from './ledger-tables.ts'
import type { PrintContext } from './print-context.ts'

/** U+001F cannot stand in a name, and hardly in a value: parts stay apart, ('a', 'bc') from ('ab', 'c'). */
const UNIT = '\u001f'

/** One value that is sent, by the name it has there. */
export interface Sent {
  readonly name: string
  readonly onNull: 'skip' | 'clear'
  readonly write: 'always' | 'on_create' | 'if_empty'
  /** JSON text, null for null. */
  readonly json: Sql
  /** The text that the fingerprint is made of, null for null. */
  readonly canonical: Sql
  /** The value as a person writes it, null for null. */
  readonly plain: Sql
}

/** The fields of a sync over a row `p` of its audience, in the order of the YAML. */
export function sentFields(sync: Pick<Sync, 'fields'>, print: PrintContext): readonly Sent[] {
  return sync.fields.map(({ theirs, onNull, write, value }: SyncField) => ({
    name: theirs,
    onNull,
    write,
    ...texts(value, print),
  }))
}

/** The key of a row `p` of the audience as the JSON text of an object; null where any part of it is null. */
export function keyJson(project: Pick<Project, 'entities'>, sync: Sync, dialect: Dialect): Sql {
  return sync.rows === undefined ? keyOfRow(project, sync, dialect) : column('p', 'cdp_key')
}

/** The same made of its parts, as it is kept with each row of a source. */
export function keyOfRow(project: Pick<Project, 'entities'>, sync: Sync, dialect: Dialect): Sql {
  const parts = sync.key.flatMap(({ theirs, trait }, index) => [
    text(`${index === 0 ? '{' : ','}${JSON.stringify(theirs)}:`),
    dialect.json(column('p', trait), traitType(project, sync, trait)),
  ])
  return dialect.concat([...parts, text('}')])
}

/** The columns that make the key. */
export function keyColumns(sync: Sync): readonly Sql[] {
  if (sync.rows !== undefined) return [column('p', 'cdp_key')]
  return sync.key.map(({ trait }) => column('p', trait))
}

/** Can two profiles claim one key? Not where the profile's own id is part of it. */
export function hasOwnKey(sync: Sync): boolean {
  return sync.rows === undefined && sync.key.some(({ trait }) => trait === 'profile_id')
}

/** True where a part of the key is null, so that the row has none. */
export function hasNoKey(sync: Sync): Sql {
  return sql`(${join(
    keyColumns(sync).map((key) => sql`${key} is null`),
    ' or ',
  )})`
}

/** JSON text of an object of the values; null ones are left out, or null where their field says `clear`. */
export function objectOf(values: readonly Sent[], dialect: Dialect): Sql {
  const parts = values.map(({ name, json, onNull }) =>
    dialect.concat([text(`${JSON.stringify(name)}:`), onNull === 'clear' ? sql`coalesce(${json}, 'null')` : json]),
  )
  return dialect.concat([text('{'), dialect.joinText(parts, ','), text('}')])
}

/** Hex MD5 over names and canonical texts: equal exactly when what is sent is equal, null and '' told apart. */
export function fingerprintOf(values: readonly Sent[], dialect: Dialect): Sql {
  const parts = values.map(
    ({ name, canonical }) => sql`coalesce(${dialect.concat([text(`${name}=`), canonical])}, ${text(`${name}~`)})`,
  )
  return dialect.md5(dialect.joinText(parts, UNIT))
}

/**
 * Equal for the same change however often it is sent, also after the sync was renamed; another one for A, B and A
 * again, because `rev` has moved on.
 */
export function idempotency(dialect: Dialect, { suffix }: Pick<LedgerTables, 'suffix'>): Sql {
  const rev = dialect.cast(sql`coalesce(rev, 0) + 1`, 'text')
  const parts = [text(suffix), sql`key_json`, rev, sql`coalesce(op, '')`, sql`coalesce(trying, '')`]
  return unitText(parts, dialect)
}

/** One text of several, for digests. */
export function unitText(parts: readonly Sql[], dialect: Dialect): Sql {
  return dialect.joinText(parts, UNIT)
}

type Texts = Pick<Sent, 'json' | 'canonical' | 'plain'>

function texts(value: FieldValue, print: PrintContext): Texts {
  const { dialect } = print
  switch (value.kind) {
    case 'trait':
      return typed(column('p', value.trait), value.type, dialect)
    case 'expression':
      return typed(sql`(${printExpression(value.expression, print)})`, value.type, dialect)
    case 'literal': {
      const json = text(JSON.stringify(value.value))
      return { json, canonical: json, plain: text(String(value.value)) }
    }
    case 'template': {
      const pieces = value.pieces.map((piece) =>
        typeof piece === 'string'
          ? text(piece)
          : sql`coalesce(${readable(column('p', piece.trait), piece.type, dialect)}, '')`,
      )
      return typed(dialect.concat(pieces), 'text', dialect)
    }
  }
}

function typed(value: Sql, type: ValueType, dialect: Dialect): Texts {
  const json = dialect.json(value, type)
  return { json, canonical: type === 'text' ? value : json, plain: readable(value, type, dialect) }
}

/** A value as a person writes it: its JSON, texts and times without the quotes. */
function readable(value: Sql, type: ValueType, dialect: Dialect): Sql {
  if (type === 'text') return value
  return dialect.jsonText(dialect.concat([text('{"v":'), dialect.json(value, type), text('}')]), 'v')
}

/** The type of a trait or built-in column; `unknown` where there is none of that name. */
export function traitType(
  project: Pick<Project, 'entities'>,
  sync: Pick<Sync, 'entity' | 'rows'>,
  trait: string,
): ValueType {
  return syncColumns(project, sync).get(trait) ?? 'unknown'
}
