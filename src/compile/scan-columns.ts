import { readingOfAggregate, readingOfPick } from '../project/append-only.ts'
import type { Entity, PickBy, RowMeasure, Source, TraitDefinition } from '../project/project.ts'
import type { ValueType } from '../sql/dialect.ts'
import { column, type Sql, sql } from '../sql/sql.ts'
import type { Context } from './context.ts'
import { ending, extremePart, type Folded, foldedMeasure, one, plainKey, type RowKey, timePart } from './folded.ts'
import { finishing, type Measured, measured } from './measure.ts'
import { isOverPeriods, periodColumn } from './periods.ts'
import { identifierColumns, rowOrder, valid } from './rows.ts'
import { rowContext, rowsOn, type ScanColumn } from './scan.ts'

/** The column that an aggregated trait needs from the scan of its source. */
export function aggregateColumn(context: Context, source: Source, name: string, asked: Aggregated): ScanColumn {
  const print = rowContext(context)
  const rows = { print, filter: rowsOn(context, asked), order: rowOrder(context, source), time: sql`s.cdp_time` }
  const { measure } = asked
  const said = { name, uses: asked, reading: readingOfAggregate(asked) }
  return isOverPeriods(measure)
    ? { ...said, ...periodColumn(measure, rows) }
    : { ...said, ...measuredColumn(context, source, measure, rows) }
}

function measuredColumn(context: Context, source: Source, measure: RowMeasure, rows: Measured) {
  return {
    value: measured(measure, rows),
    finish: finishing(measure, context.dialect),
    folded: foldedMeasure(context, source, measure, rows),
  }
}

type Aggregated = Extract<TraitDefinition, { kind: 'aggregate' }>

/** A column that a pick takes from a source, and the name under which the scan keeps it. */
export interface Picked {
  readonly name: string
  readonly column: string
  readonly by: PickBy
}

/** What a pick needs from a scan: the value, tally or list of a column, and the time to compare it by. */
export function pickColumns(context: Context, entity: Entity, source: Source, pick: Picked): readonly ScanColumn[] {
  const { name, by } = pick
  const said = { name, uses: undefined, reading: readingOfPick(by) }
  const value = pickedColumn(source, entity, pick)
  const found = {
    ...said,
    value: picked(context, entity, source, pick),
    folded: foldedPick(context, source, by, { value, type: typeOfColumn(source, entity, pick) }),
  }
  if (by !== 'first' && by !== 'most_recent') return [found]
  const seen = timePart(context.dialect, by === 'first' ? 'min' : 'max', sql`${value} is not null`)
  return [found, { ...said, name: timeColumn(name), value: seen.value, folded: one(seen) }]
}

/** Where a pick keeps the time of its value within one scan. */
export function timeColumn(trait: string): string {
  return `${trait}__at`
}

/** The column that a pick takes: of an identifier the form that is compared. */
function pickedColumn(source: Source, entity: Entity, pick: Picked): Sql {
  const identifier = identifierColumns(source, entity).find((each) => each.column === pick.column)
  return column('s', identifier === undefined ? pick.column : valid(identifier))
}

/** What is known of it. */
function typeOfColumn(source: Source, entity: Entity, { column: name }: Picked): ValueType {
  const isIdentifier = identifierColumns(source, entity).some((each) => each.column === name)
  return isIdentifier ? 'text' : (source.types.get(name) ?? 'unknown')
}

function picked(context: Context, entity: Entity, source: Source, pick: Picked): Sql {
  const { dialect } = context
  const value = pickedColumn(source, entity, pick)
  const order = rowOrder(context, source)
  const type = typeOfColumn(source, entity, pick)
  switch (pick.by) {
    case 'most_frequent':
      return dialect.tally(value)
    case 'concat_distinct': {
      return dialect.distinctList(sql`nullif(${dialect.plainText(value, type)}, '')`)
    }
    case 'min':
    case 'max':
      return dialect.extreme(pick.by, value, type)
    case 'any_true':
      return dialect.anyTrue(dialect.cast(value, 'boolean'))
    case 'longest':
      return dialect.valueAt(
        'last',
        value,
        [{ of: lengthOf(context, value), type: 'integer' }, ...order],
        undefined,
        type,
      )
    case 'first':
      return dialect.valueAt('first', value, order, undefined, type)
    case 'most_recent':
    case 'priority':
      return dialect.valueAt('last', value, order, undefined, type)
  }
}

/** The same in parts; undefined where it does not add up. */
function foldedPick(
  context: Context,
  source: Source,
  by: PickBy,
  { value, type }: { readonly value: Sql; readonly type: ValueType },
): Folded | undefined {
  const { dialect } = context
  const end = (which: 'first' | 'last', by?: RowKey) =>
    ending(context, source, { which, value, type, isKnown: sql`${value} is not null`, filter: undefined, by })
  switch (by) {
    case 'most_frequent':
    case 'concat_distinct':
      return undefined
    case 'min':
    case 'max':
      return one(extremePart(dialect, by, value, undefined, { type }))
    case 'any_true':
      return one({ value: dialect.anyTrue(dialect.cast(value, 'boolean')), fold: (at) => dialect.anyTrue(at(0)) })
    case 'longest':
      return end('last', plainKey(lengthOf(context, value), 'integer'))
    case 'first':
      return end('first')
    case 'most_recent':
    case 'priority':
      return end('last')
  }
}

function lengthOf({ dialect }: Context, value: Sql): Sql {
  return dialect.length(dialect.cast(value, 'text'))
}
