import type { Answer, Rules } from './consent-oracle.ts'

/** The business time of the projects. */
export const NOW = Date.parse('2026-03-01T12:00:00Z')

export const RULES: Rules = { granted: ['yes', 'ok'], expiresAfter: 100 }

/** People `u0`, `u1` … with two addresses each, and what they said, in files. */
export const MODELS = `
sources:
  people: { file: people.csv, category: profile, key: id, identifiers: { user_id: id, email: [mail, second] }, columns: { id: { type: text } } }
  answers: { file: answers.csv, category: consent, updated_at: said_at, identifiers: { user_id: user, email: mail }, columns: { user: { type: text }, mail: { type: text }, status: { type: text } } }
entities: { customer: { identifiers: { user_id: {}, email: {} } } }
traits:
  customer:
    id: { pick: id, from: [people] }
    mail: { pick: mail, from: [people] }
consent: { source: answers, status: status, purpose: why, granted: [yes, OK], expires_after: 100 days }
purposes:
  news: { basis: consent }
  sms: { basis: consent }
  service: { basis: contract }
segments:
  reached: { where: id is not null, purpose: news, limit: { rows: 5 } }
`

/** The files of so many people, and of what was said. */
export function consentFiles(people: number, answers: readonly Answer[]): Readonly<Record<string, string>> {
  return {
    'people.csv': csv(
      'id,mail,second',
      range(people).map((id) => [`u${id}`, `M${id}@X.example`, `s${id}@x.example`]),
    ),
    'answers.csv': csv(
      'user,mail,why,status,said_at',
      answers.map(({ names, purpose, status, at }) => [
        names.user_id ?? '',
        names.email ?? '',
        purpose,
        status ?? '',
        at === null ? '' : new Date(NOW + at * 86_400_000).toISOString(),
      ]),
    ),
  }
}

/** In short: what is named, what is said, when in days, and for what. */
export type Words = readonly [
  names: 'user' | 'mail' | 'second' | 'both',
  status: string | null,
  at: number | null,
  purpose?: string,
]

export function answerOf(person: number, [names, status, at, purpose = 'news']: Words): Answer {
  const user = { user_id: `u${person}` }
  const mail = { email: `m${person}@x.example` }
  const named = { user, mail, second: { email: `s${person}@x.example` }, both: { ...user, ...mail } }
  return { person, names: named[names], purpose, status, at }
}

/** Up to five answers of each person, for the purposes `news` and `sms`. */
export function randomAnswers(people: number, dice: (below: number) => number): readonly Answer[] {
  const pick = <T>(items: readonly T[]) => items[dice(items.length)] as T
  return range(people).flatMap((person) =>
    range(dice(6)).map(() =>
      answerOf(person, [
        pick(['user', 'mail', 'second', 'both'] as const),
        pick(['yes', 'yes', 'OK', 'no', 'perhaps', null]),
        pick([-200, -100, -30, -20, -20, -10, -10, -1, 0, 3, null]),
        pick(['news', 'news', 'news', 'sms']),
      ]),
    ),
  )
}

function csv(header: string, rows: readonly (readonly string[])[]): string {
  return `${[header, ...rows.map((row) => row.join(','))].join('\n')}\n`
}

export function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index)
}
