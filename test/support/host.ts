import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** One call of the command. */
export interface Call {
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** What one run of the command left behind. `code` is null when a signal ended it. */
export interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

let host: ChildProcess | undefined
let busy = false

/** Runs the call in the process that is kept for calls (host.mjs); undefined where that is at work for another one. */
export function hosted(call: Call): Promise<Outcome> | undefined {
  return busy ? undefined : answered(call)
}

async function answered(call: Call): Promise<Outcome> {
  busy = true
  host ??= started()
  const ended = new AbortController()
  try {
    const gone = once(host, 'exit', { signal: ended.signal }).then(() => {
      throw new Error(`the process that ran "cdp ${call.args.join(' ')}" is gone`)
    })
    const answer = once(host, 'message', { signal: ended.signal }).then(([outcome]) => outcome as Outcome)
    host.send(call)
    return await Promise.race([answer, gone])
  } catch (error) {
    host = undefined
    throw error
  } finally {
    ended.abort()
    busy = false
  }
}

/** It ends with this process, and does not keep it from ending. */
function started(): ChildProcess {
  const child = fork(join(import.meta.dirname, 'host.mjs'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  child.unref()
  child.channel?.unref()
  return child
}
