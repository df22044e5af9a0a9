import type { Progress } from '../environment.ts'
import { clip, count, duration, number, visible } from './layout.ts'
import type { Screen } from './screen.ts'

export type LogLevel = 'error' | 'warn' | 'info' | 'debug'

export const LOG_LEVELS: readonly LogLevel[] = ['error', 'warn', 'info', 'debug']

/** Shows what a command is doing; `end` clears what is left of it on the terminal. */
export interface ProgressSink {
  readonly show: (event: Progress) => void
  readonly end: () => void
}

/** A line updated in place where a person looks at stderr; lines of a log at `info` and `debug`; else nothing. */
export function progressSink(screen: Screen, level: LogLevel, quiet: boolean): ProgressSink {
  if (level === 'info' || level === 'debug') return logged(screen, level)
  if (quiet || level === 'error' || !screen.watched.err) return { show: () => undefined, end: () => undefined }
  return inPlace(screen)
}

function logged(screen: Screen, level: 'info' | 'debug'): ProgressSink {
  return {
    show: (event) => {
      if (level === 'debug' || isMilestone(event)) screen.tell([`${new Date().toISOString()} ${describe(event)}`])
    },
    end: () => undefined,
  }
}

/** At most so often is the line redrawn, in milliseconds. */
const PERIOD = 80

function inPlace(screen: Screen): ProgressSink {
  let last = Number.NEGATIVE_INFINITY
  let drawn = false
  return {
    show: (event) => {
      const now = performance.now()
      if (now - last < PERIOD && !isMilestone(event)) return
      last = now
      drawn = true
      // One column stays free: some terminals break the line when the last one is filled.
      screen.draw(`\r\u001b[K${screen.err.paint('dim', clip(describe(event), screen.err.width - 1))}`)
    },
    end: () => {
      if (drawn) screen.draw('\r\u001b[K')
      drawn = false
    },
  }
}

function isMilestone(event: Progress): boolean {
  switch (event.kind) {
    case 'stage':
    case 'resolved':
    case 'failed':
      return true
    case 'model':
      return event.done
    case 'sync':
      return event.sent === event.total
  }
}

const STAGES: Readonly<Record<Extract<Progress, { kind: 'stage' }>['stage'], string>> = {
  read: 'Reading the project',
  check: 'Checking it against the warehouse',
  build: 'Building',
  plan: 'Planning what to send',
  publish: 'Publishing',
  send: 'Sending',
}

function describe(event: Progress): string {
  switch (event.kind) {
    case 'stage':
      return STAGES[event.stage]
    case 'model': {
      const name = `${event.model} ${visible(event.name)}`
      return event.done ? `Built ${name}: ${count(event.rows, 'row')}, ${duration(event.ms)}` : `Building ${name}`
    }
    case 'sync':
      return `Sending ${visible(event.name)}: ${number(event.sent)} of ${number(event.total)}`
    case 'resolved':
      return `Read ${visible(event.project.name)}: ${count(event.project.sources.size, 'source')}, ${count(event.project.syncs.size, 'sync')}`
    case 'failed':
      return `Failed: ${event.failure.diagnostics.map(({ code }) => code).join(', ')}`
  }
}
