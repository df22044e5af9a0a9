import { existsSync } from 'node:fs'
import { mkdtemp, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { inject } from 'vitest'

/**
 * The path of a folder that `make` fills once in a run of all tests: the first file that needs it waits, and all others
 * find it there.
 */
export async function madeOnce(name: string, make: (own: string) => Promise<void>): Promise<string> {
  const place = join(inject('runFolder'), name)
  if (existsSync(place)) return place
  // Two workers may do this at one time: each in a folder of its own, and what comes second is not needed.
  const own = await mkdtemp(`${place}-`)
  await make(own)
  await rename(own, place).catch((error: unknown) => {
    if (!existsSync(place)) throw error
  })
  return place
}
