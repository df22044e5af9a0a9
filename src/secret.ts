import { inspect } from 'node:util'
import { z } from 'zod'

/**
 * The shape of a field that holds a secret. In YAML only `${env:X}` and `${file:path}` may stand there; the text is
 * resolved when the account is opened. In JSON Schema such a field carries `"secret": true`.
 */
export function secret(description: string): z.ZodType<string> {
  return z.string().min(1).meta({ description, secret: true })
}

/** Was this shape made by `secret()`? Looks through `.optional()`, `.default()` and their like. */
export function isSecret(shape: z.core.$ZodType): boolean {
  if (z.globalRegistry.get(shape)?.secret === true) return true
  const inner = (shape._zod.def as { readonly innerType?: z.core.$ZodType }).innerType
  return inner !== undefined && isSecret(inner)
}

const MASK = '[secret]'

/** A resolved secret that shows itself to nobody who prints, logs or serialises it. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The text itself: for the request that needs it, and nothing else. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return MASK
  }

  toJSON(): string {
    return MASK
  }

  [inspect.custom](): string {
    return MASK
  }
}

/** A text with every secret replaced by `[secret]`: as written, URL-encoded, JSON-escaped and in base64. */
export function mask(text: string, secrets: readonly Secret[]): string {
  const forms = secrets.flatMap((one) => formsOf(one.reveal())).sort((a, b) => b.length - a.length)
  return forms.reduce((masked, form) => masked.replaceAll(form, MASK), text)
}

/** Texts of fewer characters are no secrets: hiding every `a` would make messages unreadable. */
const SHORTEST = 4

function formsOf(value: string): readonly string[] {
  if (value.length < SHORTEST) return []
  const base64 = Buffer.from(value, 'utf8').toString('base64')
  const forms = [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1), base64.replace(/=+$/, '')]
  return [...new Set([...forms, Buffer.from(value, 'utf8').toString('base64url')])]
}
