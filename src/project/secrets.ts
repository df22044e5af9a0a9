import { inspect } from 'node:util'
import { standIn } from '../connectors/connector.ts'
import { CdpError } from '../error.ts'
import { Secret } from '../secret.ts'
import type { Destination, SecretReference } from './project.ts'
import { referencesOf, referred, type SecretFiles, unsetReference, type Values } from './variables.ts'

/** An account with every `${…}` replaced. It shows none of its secrets when it is printed or serialised. */
export interface Opened {
  /** As the connector's `open` takes it. */
  readonly account: unknown
  /** What must never be shown: for `mask`. */
  readonly secrets: readonly Secret[]
}

export interface OpenOptions {
  /** An unset secret becomes a placeholder. */
  readonly sandbox?: boolean
}

/** The account of a destination, ready to be opened. Throws CdpError `project/unset-variable` naming all that is unset. */
export function openAccount(
  destination: Pick<Destination, 'account' | 'secrets'>,
  env: Values['env'],
  files: SecretFiles,
  options: OpenOptions = {},
): Opened {
  return open(destination.account, destination.secrets ?? [], { env, files }, options)
}

/** The options of the chosen warehouse, ready to connect with; else as `openAccount`. */
export function openTarget(
  target: { readonly options: unknown; readonly secrets?: readonly SecretReference[] },
  env: Values['env'],
  files: SecretFiles,
): Opened {
  return open(target.options, target.secrets ?? [], { env, files }, {})
}

function open(account: unknown, references: readonly SecretReference[], values: Values, options: OpenOptions): Opened {
  const missing = references.filter((one) => referred(one, values) === undefined)
  if (missing.length > 0 && !options.sandbox)
    throw new CdpError(
      'project',
      missing.map((one) => unsetReference(one, one.at)),
    )
  const texts = new Map(references.map((one) => [one.written, filled(one.written, values)]))
  const secrets = references.flatMap((one) => referred(one, values) ?? [])
  return { account: hidden(replacedIn(account, texts)), secrets: secrets.map((one) => new Secret(one)) }
}

function filled(written: string, values: Values): string {
  let text = ''
  let done = 0
  for (const one of referencesOf(written)) {
    text += written.slice(done, one.from) + (referred(one, values) ?? standIn(one.name))
    done = one.to
  }
  return text + written.slice(done)
}

/** Texts that were written with references, replaced wherever they stand. */
function replacedIn(value: unknown, texts: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') return texts.get(value) ?? value
  if (Array.isArray(value)) return value.map((one) => replacedIn(one, texts))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, replacedIn(one, texts)]))
}

/** The same object, which prints and serialises as `[secret]`. */
function hidden(account: unknown): unknown {
  if (typeof account !== 'object' || account === null) return account
  const show = { value: () => '[secret]', enumerable: false }
  return Object.defineProperties(account, { toJSON: show, toString: show, [inspect.custom]: show })
}
