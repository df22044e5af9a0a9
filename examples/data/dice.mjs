// Chance, time and text without the machine's own: what makes the data the same everywhere.

/** The moment at which the sample stands still, in seconds; `now:` in cdp.config.yaml says the same. */
export const NOW = Date.UTC(2026, 10, 1, 8) / 1000
export const HOUR = 3_600
export const DAY = 24 * HOUR

/** Dice of their own for every source, so that a change to one source leaves the others as they were (mulberry32). */
export function random(name) {
  let state = [...name].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 16_777_619), 2_166_136_261)
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const below = (limit) => next() % limit
  return {
    below,
    between: (low, high) => low + below(high - low + 1),
    chance: (percent) => below(100) < percent,
    pick: (list) => list[below(list.length)],
    /** One of `[weight, …]`, as often as its weight says. */
    weighted: (options) => {
      let left = below(options.reduce((sum, [weight]) => sum + weight, 0))
      for (const option of options) {
        if (left < option[0]) return option
        left -= option[0]
      }
    },
    shuffle: (list) => {
      for (let n = list.length - 1; n > 0; n--) {
        const other = below(n + 1)
        ;[list[n], list[other]] = [list[other], list[n]]
      }
    },
  }
}

export function digits(number, length) {
  return String(number).padStart(length, '0')
}

export function money(cents) {
  return decimal(cents, 2)
}

export function decimal(units, places) {
  const text = digits(units, places + 1)
  return `${text.slice(0, -places)}.${text.slice(-places)}`
}

export function time(seconds) {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
}

export function day(seconds) {
  return time(seconds).slice(0, 10)
}

export function csv(rows) {
  const cell = (value) => (/[",\n]|^ | $/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value)
  return [Object.keys(rows[0]), ...rows.map(Object.values)].map((row) => `${row.map(cell).join(',')}\n`).join('')
}
