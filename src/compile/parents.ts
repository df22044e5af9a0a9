import type { Target } from '../project/language.ts'
import type { Source } from '../project/project.ts'
import { referencesIn } from '../project/references.ts'
import { column, id, lines, type Sql, type Steps, sql } from '../sql/sql.ts'
import { type Context, relation } from './context.ts'

type OfParent = Extract<Target, { kind: 'parent' }>

/** A column of a source that rows `s` belong to, where `parentJoins` stands: the parent goes by its way from the row. */
export function parentColumn(to: OfParent): Sql {
  return column(aliasOf(wayTo(to)), to.column)
}

/**
 * The joins of all sources that rows `s` belong to and that conditions or expressions speak of: one row a key of each,
 * even where a key repeats.
 */
export function parentJoins(steps: Steps, context: Context, source: Source, uses: unknown): readonly Sql[] {
  const used = new Map<string, { readonly way: readonly string[]; readonly columns: Set<string> }>()
  const use = (way: readonly string[], name: string) => {
    const alias = aliasOf(way)
    const one = used.get(alias) ?? { way, columns: new Set() }
    used.set(alias, one)
    one.columns.add(name)
  }
  for (const { to } of referencesIn(uses)) {
    if (to.kind !== 'parent') continue
    const way = wayTo(to)
    use(way, to.column)
    // Whom a parent belongs to is said by a column of its own.
    for (let length = way.length - 1; length > 0; length--)
      use(way.slice(0, length), keyOf(context, way[length - 1], way[length]))
  }
  return [...used]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([alias, { way, columns }]) => {
      const parent = known(context, way.at(-1))
      const step = steps.add(
        `${alias}_by_key`,
        `what is asked of ${parent.name}, one row a key`,
        sql`
          select
            ${lines([sql`${column('s', parent.key ?? '')} as cdp_key`, ...[...columns].sort().map((name) => sql`min(${column('s', name)}) as ${id(name)}`)])}
          from ${relation(context, parent)} as s
          group by ${column('s', parent.key ?? '')}`,
      )
      const before = way.slice(0, -1)
      const through = column(
        before.length === 0 ? 's' : aliasOf(before),
        keyOf(context, before.at(-1) ?? source.name, parent.name),
      )
      return sql`
        left join ${step} as ${id(alias)}
          on ${column(alias, 'cdp_key')} = ${through}`
    })
}

/** The sources from the row's parent on to the one that has the column. */
function wayTo({ through = [], source }: OfParent): readonly string[] {
  return [...through, source]
}

function aliasOf(way: readonly string[]): string {
  return way.join('__')
}

/** The column of a source that holds the key of its parent. */
function keyOf(context: Context, child: string | undefined, parent: string | undefined): string {
  const through = known(context, child).belongsTo.get(parent ?? '')
  if (through === undefined) throw new Error(`${child} does not belong to ${parent}`)
  return through
}

function known(context: Context, name: string | undefined): Source {
  const source = context.project.sources.get(name ?? '')
  if (source === undefined) throw new Error(`source ${name} was not resolved`)
  return source
}
