/** What rows are sent as: their key, and the fields that their fingerprints cover. */
export interface Mapping {
  /** Names, traits and types of the key, as text that is equal where they are. */
  readonly key: string
  /** In the order of the fingerprint. `says`: what is sent, as text that is equal where it is equal. */
  readonly fields: readonly { readonly name: string; readonly says: string }[]
}

/** What a ledger knows of the ground on which a plan is made. */
export interface Standing {
  /** The target for which the state was made, where the chosen one is another. */
  readonly otherTarget: string | undefined
  readonly present: Mapping
  /** What rows were acknowledged under; undefined = no run has noted it. `lost`: traits of it that are no more. */
  readonly noted: (Mapping & { readonly lost: readonly string[] }) | undefined
}

/** How the present mapping differs from the one under which rows were acknowledged. */
export type MappingChange =
  | { readonly kind: 'key'; readonly before: string; readonly now: string }
  /** All three empty: the same fields in another order, which is another fingerprint all the same. */
  | {
      readonly kind: 'fields'
      readonly added: readonly string[]
      readonly changed: readonly string[]
      readonly removed: readonly string[]
      /** Traits that the old fields need and that are no more: then the old fingerprints cannot be told again. */
      readonly lost: readonly string[]
    }

/** Undefined where nothing differs, and where nothing was noted: then the present mapping is taken for the old one. */
export function mappingChange({ noted, present }: Standing): MappingChange | undefined {
  if (noted === undefined) return undefined
  if (noted.key !== present.key) return { kind: 'key', before: noted.key, now: present.key }
  if (JSON.stringify(noted.fields) === JSON.stringify(present.fields)) return undefined
  const before = new Map(noted.fields.map(({ name, says }) => [name, says]))
  const now = new Map(present.fields.map(({ name, says }) => [name, says]))
  return {
    kind: 'fields',
    added: [...now.keys()].filter((name) => !before.has(name)),
    changed: [...now].filter(([name, says]) => before.has(name) && before.get(name) !== says).map(([name]) => name),
    removed: [...before.keys()].filter((name) => !now.has(name)),
    lost: noted.lost,
  }
}

/** `+tier ~city -age`: what was added, changed and removed. */
export function changeWords({
  added,
  changed,
  removed,
}: Pick<Extract<MappingChange, { kind: 'fields' }>, 'added' | 'changed' | 'removed'>): string {
  const words = [
    ...added.map((name) => `+${name}`),
    ...changed.map((name) => `~${name}`),
    ...removed.map((name) => `-${name}`),
  ]
  return words.length === 0 ? 'the order of fields' : words.join(' ')
}
