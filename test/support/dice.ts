/** A whole number from 0, below the given one. */
export type Dice = (below: number) => number

/** The same numbers for the same seed (mulberry32). */
export function diceOf(seed: number): Dice {
  let state = seed | 0
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** The same items in another order. */
export function shuffledList<T>(items: readonly T[], dice: Dice): readonly T[] {
  return items
    .map((item) => ({ item, place: dice(2 ** 32) }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item)
}
