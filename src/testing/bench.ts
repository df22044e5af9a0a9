import type { Context } from '../compile/context.ts'
import type { Model } from '../compile/model.ts'
import type { Session } from '../warehouses/warehouse.ts'
import type { Clock } from '../world.ts'
import type { KnownForms } from './people.ts'

/** Where tests are built. */
export interface Bench {
  readonly session: Session
  readonly clock: Clock
  /** Models that were compiled for a test before, by what they are compiled from. */
  readonly compiled: Map<string, Compiled>
  /** The tables of the state that are there, by the name of the statement that made them. */
  readonly made: Set<string>
  readonly forms: KnownForms
}

export interface Compiled {
  readonly context: Context
  readonly models: readonly Model[]
}

/** The models of a test over its rows, published to nobody. */
export interface Built {
  readonly context: Context
  readonly session: Session
  /** Its number. */
  readonly build: number
}
