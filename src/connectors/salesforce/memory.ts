import type { JobId } from '../connector.ts'

/** What an opened org remembers of jobs, from the first look at those of earlier runs to its own. */
export interface JobMemory {
  /** Jobs that it started. */
  readonly own: Set<JobId>
  /** Objects of which a job failed as a whole in an earlier run. Nobody knows for which of its rows: a call tells. */
  readonly failed: Set<string>
}

export function openMemory(): JobMemory {
  return { own: new Set(), failed: new Set() }
}
