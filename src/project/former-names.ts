import { problem } from '../error.ts'
import { nameOf } from './place.ts'
import type { Resolving } from './resolving.ts'
import type { Scalar } from './tree.ts'
import { isName } from './validate.ts'

const WORDS = { segments: 'segment', destinations: 'destination', syncs: 'sync' } as const

/** What of a definition says how it was called. */
interface Renamed {
  readonly name: string
  readonly key: Scalar
  readonly value: { readonly was?: Scalar | undefined }
}

/** A former name (`was:`) belongs to one thing of a kind alone, and to none that is still there. */
export function checkRenamed({ validated, problems }: Resolving, kind: keyof typeof WORDS): void {
  const word = WORDS[kind]
  const Word = word.replace(/^./, (first) => first.toUpperCase())
  const { names, disabled } = validated[kind]
  const heirs = new Map<string, Renamed>()
  for (const item of validated[kind].items.values() as Iterable<Renamed>) {
    const { was } = item.value
    if (!was || !isName(was, problems)) continue
    const taken = names.get(was.text) ?? disabled.get(was.text)
    const other = heirs.get(was.text)
    heirs.set(was.text, item)
    const refuse = (message: string, fix: string) =>
      problems.push(problem('project/duplicate-name', message, was.at(), fix))
    if (was.text === item.name) refuse(`"${was.text}" is the name of the ${word} now.`, 'Take `was` away.')
    else if (taken)
      refuse(
        `${Word} "${item.name}" cannot have been "${was.text}", which is there still.`,
        `See ${nameOf(taken)}. Rename one ${word} at a time: run once between two steps.`,
      )
    else if (other)
      refuse(`${Word} "${other.name}" was "${was.text}" already.`, `One of them is new: see ${nameOf(other.key.at())}.`)
  }
}
