import { createHash } from 'node:crypto'
import type { Project } from './project.ts'

/**
 * Twelve hex digits that are the same for projects that mean the same, whatever comments, order of keys in a map of
 * options, and places in files: a plan is of one meaning only.
 */
export function meaningOf(project: Project): string {
  const { directory: _, places: __, warnings: ___, unitTests: ____, ...said } = project
  return createHash('sha256').update(JSON.stringify(said, placeless)).digest('hex').slice(0, 12)
}

function placeless(key: string, value: unknown): unknown {
  if (key === 'at' && typeof value === 'object' && value !== null && 'line' in value) return undefined
  return value instanceof Map ? [...value] : value
}
