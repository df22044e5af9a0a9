import { nextTick } from 'node:process'
import type { Clock } from '../../src/world.ts'
import type { Dice } from './random.ts'

/** Something that a process waits for: it takes effect when the scheduler runs it. */
interface Operation {
  readonly kind: 'ledger' | 'socket' | 'answer' | 'sleep'
  /** Not before this tick. */
  readonly from: number
  readonly queued: number
  run(): Promise<void>
}

/** One run of the engine. It only ever moves when the scheduler picks one of its operations. */
export interface Process {
  readonly name: string
  /** Frozen until this tick. */
  wake: number
  ended: boolean
  readonly operations: Operation[]
}

/**
 * Time and chance of a simulation. One tick is one second and at most one operation: a statement, a request that
 * reaches the vendor, an answer that reaches us, or the end of a sleep.
 */
export class Scheduler {
  now = 0
  processes: Process[] = []
  readonly #dice: Dice

  constructor(dice: Dice) {
    this.#dice = dice
  }

  start(name: string, body: (process: Process) => Promise<void>): Process {
    const process: Process = { name, wake: 0, ended: false, operations: [] }
    this.processes.push(process)
    const end = () => {
      process.ended = true
      this.processes = this.processes.filter((one) => one !== process)
    }
    body(process).then(end, end)
    return process
  }

  /** Lets `act` happen at some later tick of the process, and resolves to its result. */
  step<T>(process: Process, kind: Operation['kind'], act: () => T | Promise<T>, from = this.now): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      process.operations.push({
        kind,
        from,
        queued: this.now,
        run: async () => {
          try {
            resolve(await act())
          } catch (error) {
            reject(error)
          }
        },
      })
    })
  }

  /** A process's own clock: it runs as fast as the warehouse's, but says another time. */
  clock(process: Process, offset: number): Clock {
    return {
      now: () => this.now * 1000 + offset,
      wall: () => new Date(this.now * 1000 + offset),
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          const over = () => {
            signal?.removeEventListener('abort', over)
            resolve()
          }
          signal?.addEventListener('abort', over, { once: true })
          if (signal?.aborted) resolve()
          else void this.step(process, 'sleep', over, this.now + ms / 1000)
        }),
    }
  }

  kill(process: Process): void {
    this.processes = this.processes.filter((one) => one !== process)
  }

  /** A process that can move now; sockets that have waited long go first, as a real network would not wait. */
  pick(): Process | undefined {
    const ready = this.processes.filter((one) => one.wake <= this.now && this.#ready(one).length > 0)
    if (ready.length === 0) return undefined
    const late = ready.find((one) => one.operations.some((op) => op.kind === 'socket' && op.queued + 3 < this.now))
    return late ?? this.#dice.pick(ready)
  }

  /** Has the process passed its last check of the lease, and not yet written to its socket? */
  isBeforeSocket(process: Process): boolean {
    return process.operations.some((operation) => operation.kind === 'socket')
  }

  async move(process: Process): Promise<void> {
    const ready = this.#ready(process)
    const operation = ready.find((op) => op.kind === 'socket' && op.queued + 3 < this.now) ?? this.#dice.pick(ready)
    process.operations.splice(process.operations.indexOf(operation), 1)
    await operation.run()
    await this.rest()
  }

  /** Everything that follows by itself happens before the next tick: a callback of `nextTick` comes after all promises. */
  rest(): Promise<void> {
    return new Promise((resolve) => nextTick(resolve))
  }

  /** The next tick at which anything can move, at least the next. */
  soonest(): number {
    const times = this.processes.flatMap((one) => one.operations.map((op) => Math.max(one.wake, op.from)))
    return Math.max(this.now + 1, Math.min(...times))
  }

  #ready(process: Process): readonly Operation[] {
    return process.operations.filter((operation) => operation.from <= this.now)
  }
}
