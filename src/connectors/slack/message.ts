import { listOf, member, textOf, tryJson } from '../answer.ts'
import { type Body, readBody } from '../body.ts'
import { type Change, DestinationError, type Io, type Json } from '../connector.ts'
import type { Into } from './place.ts'

// Limits, https://docs.slack.dev/reference/block-kit/blocks/ and …/methods/chat.postMessage: 4,000 characters of text are
// recommended and more than 40,000 are cut off; 50 blocks, 3,000 characters in the text of a block, 2,000 in one of its
// fields, 150 in a header.
// What all blocks hold together is refused above about 13,000 characters, which no page says
// (https://github.com/slackapi/bolt-js/issues/2509).
const LONGEST_TEXT = 4_000
const MOST_BLOCKS = 50
const LONGEST_BLOCK = 3_000
const LONGEST_FIELD = 2_000
const LONGEST_HEADER = 150
const LONGEST_BLOCKS = 12_000

/** What is posted. */
export interface Message {
  readonly text: string
  readonly blocks?: readonly Json[]
}

/** Prints messages about changes. */
export interface Printer {
  /** Reads the templates. Throws DestinationError `config` for one that cannot be read. */
  read(into: Into): Promise<void>
  /** One message about all the changes, which are of one kind. */
  print(changes: readonly Change[], into: Into): Promise<Message>
}

/** What a digest says that has no template of its own: nothing of the people. */
const DEFAULT_DIGEST = '{{sync}}: {{count}}'

/** Opens a printer; every template is read once. */
export function openPrinter(io: Pick<Io, 'sync' | 'columns'>): Printer {
  const read = new Map<string, Promise<Body>>()
  const template = (option: 'message' | 'blocks' | 'say', text: string) => {
    const known = read.get(`${option} ${text}`)
    const body =
      known ?? readBody(text, option === 'blocks' ? 'application/json' : 'text/plain', { option, text: escaped })
    read.set(`${option} ${text}`, body)
    return body
  }
  const textTemplate = (into: Into, say?: string) =>
    say !== undefined ? template('say', say) : template('message', into.message ?? DEFAULT_DIGEST)
  return {
    read: async (into) => {
      await textTemplate(into)
      if (into.blocks !== undefined) await template('blocks', blocksText(into.blocks))
    },
    print: async (changes, into) => {
      const say = changes[0]?.op === 'remove' ? (changes[0].leave?.argument ?? '') : undefined
      const text = await textTemplate(into, say)
      const blocks =
        into.blocks === undefined || say !== undefined ? undefined : await template('blocks', blocksText(into.blocks))
      const once = (listed: number): Message => {
        const values = valuesOf(io, changes, listed, into.per)
        return { text: text(values), ...(blocks && { blocks: blocksOf(blocks(values)) }) }
      }
      return longestThatFits(once, Math.min(changes.length, into.first))
    },
  }
}

function blocksText(blocks: NonNullable<Into['blocks']>): string {
  return typeof blocks === 'string' ? blocks : JSON.stringify(blocks)
}

/** Of a digest that would be too long fewer rows are listed. Where one row is too long, Slack decides. */
function longestThatFits(print: (listed: number) => Message, most: number): Message {
  let message = print(most)
  for (let listed = most; listed > 1 && !fits(message); ) {
    listed = Math.floor(listed / 2)
    message = print(listed)
  }
  return message
}

function fits({ text, blocks = [] }: Message): boolean {
  const texts = blocks.flatMap((block) =>
    textsOf(block, textOf(block, 'type') === 'header' ? LONGEST_HEADER : LONGEST_BLOCK),
  )
  const sum = texts.reduce((total, one) => total + one.text.length, 0)
  const isShort = texts.every((one) => one.text.length <= one.longest) && sum <= LONGEST_BLOCKS
  return text.length <= LONGEST_TEXT && blocks.length <= MOST_BLOCKS && isShort
}

interface Limited {
  readonly text: string
  readonly longest: number
}

/** The texts of a block, and of what stands in it. */
function textsOf(block: Json, longest: number): readonly Limited[] {
  const text = member(block, 'text')
  const own = typeof text === 'string' ? [{ text, longest }] : text === undefined ? [] : textsOf(text, longest)
  const fields = listOf(block, 'fields').flatMap((one) => textsOf(one, LONGEST_FIELD))
  return [...own, ...fields, ...listOf(block, 'elements').flatMap((one) => textsOf(one, longest))]
}

/** Block Kit Builder prints the list inside an object. */
function blocksOf(printed: string): readonly Json[] {
  const said = tryJson(printed)
  const blocks = Array.isArray(said) ? said : member(said, 'blocks')
  if (Array.isArray(blocks)) return blocks as readonly Json[]
  throw new DestinationError('config', 'bad_blocks', 'The template in "blocks:" does not print a list of blocks.')
}

/** What templates see: of a digest its rows, of a single row its columns by their names. */
function valuesOf(
  { sync, columns }: Pick<Io, 'sync' | 'columns'>,
  changes: readonly Change[],
  listed: number,
  per: Into['per'],
): Readonly<Record<string, Json>> {
  const empty = Object.fromEntries(columns.fields.map((name) => [name, null]))
  const rowOf = ({ op, key, fields }: Change) => ({ op, ...empty, ...key, ...fields })
  const [first] = changes
  if (per === 'row' && first !== undefined) return { sync, count: 1, ...rowOf(first) }
  return { sync, count: changes.length, more: changes.length - listed, rows: changes.slice(0, listed).map(rowOf) }
}

/**
 * A value as Slack shows it and does nothing else: as Unicode that can be read, without the three characters with which links and mentions begin
 * and end (https://docs.slack.dev/messaging/formatting-message-text/#escaping), and on the line on which it stands.
 */
export function escaped(value: string): string {
  return value
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(/[\r\n\u2028\u2029]+/g, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
}
