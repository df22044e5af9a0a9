import { spawnSync } from 'node:child_process'
import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { isAlive, isDead, openEnvironment, runId } from '../../../src/commands/world.ts'

test('run ids sort by time, fit a file name, and two of one moment differ', () => {
  const moment = new Date('2026-11-01T08:00:00.005Z')
  const ids = [runId(moment), runId(new Date('2026-11-01T08:00:00.010Z')), runId(new Date('2026-12-01T00:00:00Z'))]
  expect([...ids].sort()).toEqual(ids)
  expect(ids[0]).toMatch(/^20261101T080000005-[0-9a-f]{8}$/)
  expect(runId(moment)).not.toBe(ids[0])
})

test('only a process of this machine that is gone is known to be dead', () => {
  const { environment } = openEnvironment(() => undefined, new AbortController().signal)
  const { holder } = environment
  const ended = spawnSync(process.execPath, ['-e', '0']).pid
  const withPid = (pid: number) => holder.replace(`:${process.pid}@`, `:${pid}@`)

  expect(isDead(holder)).toBe(false)
  expect(isDead(withPid(ended))).toBe(true)
  expect(isDead(withPid(ended).replace(hostname(), 'elsewhere'))).toBe(false)
  expect(isDead(withPid(ended).replace(/@.*/, '@00000000'))).toBe(false)
  expect(isDead('some other tool')).toBe(false)
  expect([holder, withPid(ended), 'some other tool'].map(isAlive)).toEqual([true, false, false])
})
