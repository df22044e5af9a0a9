import type { Connectors, Files } from './connectors/connector.ts'
import type { OpenDatabase } from './connectors/database.ts'
import type { Sandbox, SandboxOptions } from './connectors/sandbox/sandbox.ts'
import type { CdpError } from './error.ts'
import type { Project } from './project/project.ts'
import type { Warehouses } from './warehouses/warehouse.ts'
import type { World } from './world.ts'

/** What a command was asked. */
export interface Request {
  /** The folder that holds cdp.config.yaml, absolute. */
  readonly directory: string
  readonly target: string | undefined
  readonly vars: Readonly<Record<string, string>>
  /** ISO 8601; fixes the business time before what the project says. */
  readonly now: string | undefined
  readonly select: readonly string[]
  readonly exclude: readonly string[]
  readonly sandbox: boolean
  readonly dryRun: boolean
  /** Reads every source whole and solves identity anew; ids are carried all the same. */
  readonly fullRefresh?: boolean | undefined
  readonly maxChanges: number | undefined
  /** Only syncs that are due by their `every:`; where none is, nothing is done at all. */
  readonly due?: boolean | undefined
  /** Seconds to wait for jobs of vendors, whatever the syncs say; undefined = as they say. */
  readonly wait?: number | undefined
  /** How many threads the warehouse may use here, where it runs on this machine; undefined = as the project says. */
  readonly threads?: number | undefined
}

/** Everything a command gets from outside: tests hand in their own. */
export interface Environment {
  readonly world: World
  readonly warehouses: Warehouses
  readonly connectors: Connectors
  /** Files below one folder, for destinations that write files. */
  readonly openFiles: (root: string) => Files
  /** A database that a destination writes tables of. */
  readonly openDatabase: OpenDatabase
  /** Emulated vendors in place of every destination. */
  readonly openSandbox: (options: SandboxOptions) => Promise<Sandbox>
  /** Told what happens, as it happens. */
  readonly progress: (event: Progress) => void
  /** Aborts on SIGINT and SIGTERM: what is in flight is finished, state is saved. */
  readonly signal: AbortSignal
  /** Aborts on a second signal: what is in flight is given up, state is saved. */
  readonly hurry?: AbortSignal | undefined
  /** Which process holds a lease: `host:pid`, and whether such a holder is provably dead. */
  readonly holder: string
  readonly isDead: (holder: string) => boolean
  /** Provably still runs. */
  readonly isAlive: (holder: string) => boolean
  /** A new run id, never used before. */
  readonly runId: () => string
}

/** Something worth showing while a command runs. */
export type Progress =
  | { readonly kind: 'stage'; readonly stage: 'read' | 'check' | 'build' | 'plan' | 'publish' | 'send' }
  | {
      readonly kind: 'model'
      readonly name: string
      readonly model: string
      readonly done: boolean
      readonly rows: number
      readonly ms: number
    }
  | { readonly kind: 'sync'; readonly name: string; readonly sent: number; readonly total: number }
  /** The project as it was read. */
  | { readonly kind: 'resolved'; readonly project: Project }
  /** What ended the command, with the places in the project that a report only names. */
  | { readonly kind: 'failed'; readonly failure: CdpError }
