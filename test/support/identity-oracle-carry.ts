/** A profile id. It goes by the number of its anchor: the identifier from which it was minted. */
export interface Id {
  readonly anchor: number
  readonly profileId: string
  /** The build in which it was first given. */
  readonly born: number
  /** The anchor of the id that took its place; undefined = in use. */
  readonly mergedInto: number | undefined
}

/** What is remembered of profiles between two builds. */
export interface Remembered {
  /** Every id that was ever given, by anchor. */
  readonly ids: ReadonlyMap<number, Id>
  /** The anchor of the profile of each node that joined at the last build. */
  readonly profiles: ReadonlyMap<number, number>
}

export interface Carried extends Remembered {
  /** Ids that met an older one in this build. */
  readonly merges: readonly Move[]
  /** Profiles of which a node went to another one, and not because they merged into it. */
  readonly splits: readonly Move[]
}

/** From one id to another, by anchor. */
export interface Move {
  readonly from: number
  readonly to: number
}

type Part = readonly number[]

/** Gives every part of a build its id: one that lives there already, else that of its smallest node. */
export function carried(
  before: Remembered,
  parts: readonly Part[],
  birth: { readonly build: number; readonly mint: (anchor: number) => string },
): Carried {
  const home = new Map(parts.flatMap((part) => part.map((node) => [node, part] as const)))
  const ids = new Map(before.ids)
  const profiles = new Map<number, number>()
  const merges: Move[] = []
  const claims = [...before.ids.values()]
    .filter((id) => id.mergedInto === undefined)
    .map((id) => ({ id, part: homeOf(id, before.profiles, home) }))
  for (const part of parts) {
    const living = claims.filter((claim) => claim.part === part).map((claim) => claim.id)
    const [oldest, ...others] = living.sort(byAge)
    const anchor = oldest?.anchor ?? Math.min(...part)
    merges.push(...others.map((id) => ({ from: id.anchor, to: anchor })))
    for (const node of part) profiles.set(node, anchor)
  }
  // An alias of an id that becomes an alias now points straight at the id in use.
  for (const { from, to } of merges)
    for (const id of before.ids.values())
      if (id.anchor === from || id.mergedInto === from) ids.set(id.anchor, { ...id, mergedInto: to })
  // A new id, or one that was merged away once and is needed again; for all others this changes nothing.
  for (const anchor of new Set(profiles.values())) {
    const id = before.ids.get(anchor) ?? { anchor, profileId: birth.mint(anchor), born: birth.build }
    ids.set(anchor, { ...id, mergedInto: undefined })
  }
  return { ids, profiles, merges, splits: splitsOf(before.profiles, profiles, merges) }
}

/** The part in which an id in use lives; undefined: it sleeps. */
function homeOf(id: Id, known: Remembered['profiles'], home: ReadonlyMap<number, Part>): Part | undefined {
  const remaining = () => [...home.keys()].filter((node) => known.get(node) === id.anchor)
  return home.get(id.anchor) ?? home.get(Math.min(...remaining()))
}

function byAge(one: Id, other: Id): number {
  return one.born - other.born || one.anchor - other.anchor
}

function splitsOf(
  before: Remembered['profiles'],
  after: Remembered['profiles'],
  merges: readonly Move[],
): readonly Move[] {
  const moves = [...after].flatMap(([node, to]) => {
    const from = before.get(node)
    return from === undefined || from === to ? [] : [{ from, to }]
  })
  const merged = new Set(merges.map(named))
  const splits = new Map(moves.filter((move) => !merged.has(named(move))).map((move) => [named(move), move]))
  return [...splits.values()].sort((one, other) => one.from - other.from || one.to - other.to)
}

function named({ from, to }: Move): string {
  return `${from} ${to}`
}
