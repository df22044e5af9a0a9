import { type At, problem } from '../error.ts'
import type { ConsentFeed } from './consent.ts'
import type { ConsentShape, PurposeShape } from './consent-shape.ts'
import { find, wantedIn } from './find.ts'
import type { Duration } from './language.ts'
import type { Entity, Purpose, Source } from './project.ts'
import { header, isAttributed, ofNobody, type Resolving } from './resolving.ts'
import { parseDuration } from './time.ts'
import type { Scalar } from './tree.ts'
import type { Item } from './validate.ts'

/** Every purpose that can stand, in the order of the files. */
export function resolvePurposes(
  context: Resolving,
  sources: ReadonlyMap<string, Source>,
): ReadonlyMap<string, Purpose> {
  const { validated, problems } = context
  const { consent, purposes } = validated
  const shared = consent?.value && feedOf(context, sources, consent.value, consent.value.purpose)
  if (consent && purposes.names.size === 0) {
    const fix = 'Say under `purposes:` why people are contacted: purposes: { email_marketing: { basis: consent } }.'
    problems.push(problem('project/missing-key', 'There are consents, but no purposes.', consent.key.at(), fix))
  }
  return new Map(
    [...purposes.items.values()].flatMap((item) => {
      const purpose = purposeFrom(context, sources, item, shared)
      return purpose ? [[item.name, purpose] as const] : []
    }),
  )
}

function purposeFrom(
  context: Resolving,
  sources: ReadonlyMap<string, Source>,
  item: Item<PurposeShape>,
  shared: ConsentFeed | undefined,
): Purpose | undefined {
  const { basis, from } = item.value
  if (basis !== 'consent') {
    const message = `Purpose "${item.name}" has the basis "${basis}", which asks nobody: "from" has no meaning.`
    if (from) context.problems.push(problem('project/wrong-type', message, from.source.at(), 'Leave `from:` out.'))
    return { ...header(item), basis, feed: undefined }
  }
  const feed = from ? feedOf(context, sources, from, undefined) : shared
  if (!from && !context.validated.consent) {
    const message = `Purpose "${item.name}" has no consents.`
    const fix = 'Say in a `consent:` block, or under `from:`, which source says who agreed.'
    context.problems.push(problem('project/missing-key', message, item.key.at(), fix))
  }
  return feed && { ...header(item), basis, feed }
}

function feedOf(
  context: Resolving,
  sources: ReadonlyMap<string, Source>,
  written: Omit<ConsentShape, 'purpose'>,
  purpose: Scalar | undefined,
): ConsentFeed | undefined {
  const { problems, places, validated } = context
  const source = find(written.source, sources, wantedIn('ref/unknown-source', 'Source', validated.sources), problems)
  const maxAge = durationOf(context, written.max_age)
  const expiresAfter = durationOf(context, written.expires_after)
  if (!source) return undefined
  const at = written.at?.text ?? source.updatedAt ?? source.occurredAt
  if (at === undefined) {
    const message = `Nothing says when the rows of "${source.name}" were said.`
    problems.push(problem('project/missing-key', message, written.source.at(), 'Name the column of the time: `at:`.'))
    return undefined
  }
  const columns = [written.status, written.at, purpose].flatMap((one) => one ?? [])
  places.columns.push(...columns.map((one) => ({ source: source.name, column: one.text, at: one.at() })))
  return {
    source: source.name,
    status: written.status.text,
    purpose: purpose?.text,
    at,
    granted: written.granted.map(({ text }) => text.trim().toLowerCase()),
    maxAge,
    expiresAfter,
  }
}

function durationOf({ problems }: Resolving, written: Scalar | undefined): Duration | undefined {
  const duration = written && parseDuration(written.text)
  if (!written || (duration && duration.amount > 0)) return duration
  const message = `Expected a duration such as "30 days", found "${written.text}".`
  problems.push(problem('expr/syntax', message, written.at()))
  return undefined
}

/** Who asks for a purpose. */
export interface Asking {
  /** `Sync "x"` in messages. */
  readonly what: string
  readonly entity: Entity
  readonly purposes: ReadonlyMap<string, Purpose>
  readonly sources: ReadonlyMap<string, Source>
}

/** The purpose that is named; its consents must say of whom they are. */
export function purposeNamed(context: Resolving, written: Scalar, asking: Asking): string | undefined {
  const { problems, validated } = context
  const { entity, sources } = asking
  const wanted = wantedIn('ref/unknown-purpose', 'Purpose', validated.purposes)
  const purpose = find(written, asking.purposes, wanted, problems)
  const source = purpose?.feed && sources.get(purpose.feed.source)
  if (source && !isAttributed(source, entity, sources)) {
    const fix = `Name under \`identifiers:\` of "${source.name}" the column that says whose consent a row is.`
    problems.push(problem('ref/unknown-identifier', ofNobody(source, entity), written.at(), fix))
    return undefined
  }
  return purpose?.name
}

/** The purpose of a sync. Once a project names purposes, each sync that sends people has one. */
export function purposeOfSync(
  context: Resolving,
  written: Scalar | undefined,
  at: At,
  asking: Asking,
): string | undefined {
  if (written) return purposeNamed(context, written, asking)
  const { purposes } = context.validated
  if (purposes.names.size === 0) return undefined
  const fix = `Write \`purpose:\`, one of: ${[...purposes.names.keys()].join(', ')}.`
  const message = `${asking.what} does not say for which purpose it sends people.`
  context.problems.push(problem('project/missing-key', message, at, fix))
  return undefined
}
