import { inspect } from 'node:util'
import { expect } from 'vitest'
import { DestinationError, type Receipt } from '../../src/connectors/connector.ts'
import type { Holding } from '../../src/connectors/sandbox/sandbox.ts'

/** How an attempt to send ended. */
export type Attempt = { readonly receipts: readonly Receipt[] } | { readonly error: DestinationError }

/** Any other error than a DestinationError fails the test. */
export async function attempt(sending: Promise<readonly Receipt[]>): Promise<Attempt> {
  try {
    return { receipts: await sending }
  } catch (error) {
    expect(error).toBeInstanceOf(DestinationError)
    return { error: error as DestinationError }
  }
}

/** The error with which it must end. */
export async function errorOf(sending: Promise<readonly Receipt[]>): Promise<DestinationError> {
  const result = await attempt(sending)
  if ('receipts' in result) throw new Error(`no error but ${inspect(result.receipts)}`)
  return result.error
}

/** Nobody knows whether it took effect. */
export function expectMaybe(result: Attempt): void {
  if ('error' in result) expect(result.error).toMatchObject({ kind: 'transient', applied: 'maybe' })
  else for (const one of result.receipts) expect(one).toMatchObject({ outcome: 'again', applied: 'maybe' })
}

export function outcomes(receipts: readonly Receipt[]): readonly string[] {
  return receipts.map((one) => one.outcome)
}

export function rowCount(holdings: readonly Holding[]): number {
  return holdings.reduce((sum, one) => sum + one.rows.length, 0)
}

/** Everything of what was said that anybody could see of it. */
export function shown(said: unknown): string {
  return inspect(said, { depth: 9, showHidden: true })
}
