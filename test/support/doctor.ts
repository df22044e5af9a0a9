import { onTestFinished } from 'vitest'
import { openEnvironment } from '../../src/commands/world.ts'
import { lookAtWarehouse } from '../../src/doctor/warehouse.ts'
import type { Environment, Request } from '../../src/environment.ts'
import { read } from '../../src/stages.ts'
import type { Clock } from '../../src/world.ts'
import { SANDBOX } from './small-shop.ts'

/** What the doctor finds, and the same with a clock of this machine that is so many seconds ahead. */
export async function visit(directory: string, ahead = 0) {
  const { environment, close } = openEnvironment(() => undefined, new AbortController().signal)
  onTestFinished(close)
  const request: Request = { ...SANDBOX, sandbox: false, directory }
  const { clock } = environment.world
  const wall: Clock['wall'] = () => new Date(clock.wall().getTime() + ahead * 1000)
  const here: Environment = { ...environment, world: { ...environment.world, clock: { ...clock, wall } } }
  return { looks: await lookAtWarehouse(await read(request, here), request, here), request, environment: here }
}
