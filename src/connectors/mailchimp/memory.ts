import type { Change } from '../connector.ts'
import { notApplied } from '../token.ts'
import { type Api, isOk, listFailure, listPath } from './api.ts'
import { type Groups, NO_GROUPS, readGroups } from './groups.ts'
import { createFields, type MergeFields, readFields, refuseMissing } from './merge-fields.ts'
import { type Into, mergeTags, targetOf } from './place.ts'
import { openSegment } from './segment.ts'

/** What must be known of a list before its contacts are written: asked for when first needed, and kept. */
export interface Memory {
  groups(into: Into): Promise<Groups>
  /** The merge fields that the list has, those of the batch made where they may be; none where the sync names none. */
  fields(into: Into, batch: readonly Change[]): Promise<MergeFields>
  /** The id of the static segment, made where it may be. */
  segment(into: Into): Promise<string>
  /** The segment is no longer there. */
  forgetSegment(into: Into): void
  /** Throws DestinationError `config` where the list is gone: then no single contact is what was not found. */
  list(into: Into): Promise<void>
}

/** What is needed to act upon the contacts of a place. */
export interface Desk {
  readonly api: Api
  readonly memory: Memory
  readonly into: Into
}

/** Opens the memory of one sync. Whatever fails here, no contact was written. */
export function openMemory(api: Api, names: readonly string[]): Memory {
  const groups = new Kept<Groups>()
  const fields = new Kept<MergeFields>()
  const segments = new Kept<string>()
  const lists = new Kept<void>()
  const tags = mergeTags(names)
  const hasGroups = names.some((name) => ['interest', 'permission'].includes(targetOf(name)?.kind ?? ''))
  return {
    groups: async ({ list }) => (hasGroups ? groups.get(list, () => readGroups(api, list, names)) : NO_GROUPS),
    fields: async ({ list, create_fields }, batch) => {
      if (tags.length === 0) return NO_FIELDS
      const known = await fields.get(list, () => readFields(api, list))
      if (!create_fields) {
        refuseMissing(list, known, tags)
        return known
      }
      const now = await createFields(api, list, known, batch).catch(notApplied)
      if (now !== known) fields.put(list, now)
      return now
    },
    segment: (into) => segments.get(keyOf(into), () => openSegment(api, into)),
    forgetSegment: (into) => segments.drop(keyOf(into)),
    list: ({ list }) => lists.get(list, () => lookForList(api, list)),
  }
}

const NO_FIELDS: MergeFields = new Map()

async function lookForList(api: Api, list: string): Promise<void> {
  const answer = await api.request('GET', `${listPath(list)}?fields=id`)
  if (!isOk(answer)) throw listFailure(api, answer, list)
}

function keyOf({ list, segment }: Into): string {
  return JSON.stringify([list, segment])
}

/** Answers by name; those who ask together share a question, and a failure is not remembered. */
class Kept<T> {
  readonly #held = new Map<string, Promise<T>>()

  get(name: string, ask: () => Promise<T>): Promise<T> {
    const held = this.#held.get(name)
    if (held !== undefined) return held
    const asked = ask().catch((error: unknown) => {
      this.#held.delete(name)
      return notApplied(error)
    })
    this.#held.set(name, asked)
    return asked
  }

  put(name: string, value: T): void {
    this.#held.set(name, Promise.resolve(value))
  }

  drop(name: string): void {
    this.#held.delete(name)
  }
}
