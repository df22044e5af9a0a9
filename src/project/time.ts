import type { Unit } from '../sql/dialect.ts'
import type { Duration } from './language.ts'

/** `30 days`, `1 day`, `24h` (short: s m h d w). Undefined where the text is no such thing. */
export function parseDuration(text: string): Duration | undefined {
  const match = /^\s*(\d{1,9})\s*([a-z]+)\s*$/.exec(text)
  const unit = match && unitOf(match[2] ?? '')
  return match && unit ? { amount: Number(match[1]), unit } : undefined
}

/** A duration in seconds; undefined for months and longer, which have no fixed length. */
export function lengthOf({ amount, unit }: Duration): number | undefined {
  const seconds = LENGTHS[unit]
  return seconds && amount * seconds
}

const LENGTHS: Readonly<Partial<Record<Unit, number>>> = {
  second: 1,
  minute: 60,
  hour: 3600,
  day: 86_400,
  week: 7 * 86_400,
}

/** The unit that a word names, in the singular, the plural or short (s m h d w). */
export function unitOf(word: string): Unit | undefined {
  return SHORT.get(word) ?? UNITS.find((unit) => word === unit || word === `${unit}s`)
}

export const UNITS: readonly Unit[] = ['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year']

const SHORT: ReadonlyMap<string, Unit> = new Map([
  ['s', 'second'],
  ['m', 'minute'],
  ['h', 'hour'],
  ['d', 'day'],
  ['w', 'week'],
])

/** A time as it is written: a calendar date, or an instant in ISO 8601 with `Z`. */
export type WrittenTime = { readonly kind: 'date' | 'instant'; readonly iso: string }

/**
 * Reads `2026-01-01`, `2026-01-01T08:00:00Z`, `2026-01-01 08:00+02:00`, `2026-01-01T08:00`; a time without a zone is
 * one of `timezone`. Undefined where the text has not that form, 'impossible' where there is no such day or hour.
 */
export function parseTime(text: string, timezone: string): WrittenTime | 'impossible' | undefined {
  const match = TIME.exec(text)
  if (match === null) return undefined
  const [, date = '', clock, fraction = '', zone] = match
  const day = new Date(`${date}T00:00:00Z`)
  if (Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== date || date < '0001') return 'impossible'
  if (clock === undefined) return { kind: 'date', iso: date }
  const wall = new Date(`${date}T${clock.length === 5 ? `${clock}:00` : clock}Z`)
  if (Number.isNaN(wall.getTime()) || clock > '24') return 'impossible'
  const offset = zone === undefined ? offsetOf(wall, timezone) : minutesOf(zone)
  if (offset === undefined) return 'impossible'
  const instant = new Date(wall.getTime() - offset * 60_000).toISOString().replace(/\.000Z$/, '')
  if (instant.length !== 19 || instant < '0001') return 'impossible'
  return { kind: 'instant', iso: `${instant}${fraction.replace(/\.?0+$/, '')}Z` }
}

/** The form alone, for a lexer that looks for times inside a longer text. */
export const TIME_FORM = String.raw`\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?(?:\.\d{1,9})?(?:Z|[+-]\d{2}(?::?\d{2})?)?)?`

const TIME = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(\.\d{1,9})?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/

/** The day after a calendar date. */
export function nextDay(date: string): string {
  const day = new Date(`${date}T00:00:00Z`)
  day.setUTCDate(day.getUTCDate() + 1)
  return day.toISOString().slice(0, 10)
}

function minutesOf(zone: string): number | undefined {
  if (zone === 'Z') return 0
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(3).replace(':', ''))
  if (hours > 18 || minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}

// The offset depends on the instant, which depends on the offset: the second guess is right except inside a gap,
// where the wall time does not exist and the offset from before the gap moves it forward.
function offsetOf(wall: Date, timezone: string): number {
  const first = offsetAt(new Date(wall.getTime()), timezone)
  return offsetAt(new Date(wall.getTime() - first * 60_000), timezone)
}

function offsetAt(instant: Date, timezone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    era: 'short',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(instant)
  const part = (type: string) => Number(parts.find((one) => one.type === type)?.value)
  const there = new Date(0)
  there.setUTCFullYear(part('year'), part('month') - 1, part('day'))
  there.setUTCHours(part('hour'), part('minute'), part('second'))
  return Math.round((there.getTime() - instant.getTime()) / 60_000)
}
