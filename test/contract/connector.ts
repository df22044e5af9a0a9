import { describe, test } from 'vitest'
import { promises } from './promises.ts'
import { protocolPromises } from './protocol.ts'
import { isHttp, modeOf, type Subject } from './subject.ts'
import { wholePromises } from './whole.ts'

export type { HttpSubject, LocalSubject, Subject } from './subject.ts'

/** Adds a test of the suite; one that the subject skips says why. */
export type It = (name: string, body: () => Promise<void>, timeout?: number) => void

/**
 * The promises that hold for every connector, and those of whoever speaks HTTP; of a place that is only ever replaced
 * as a whole, those of replacing.
 */
export function connectorContract<A, T>(subject: Subject<A, T>): void {
  const { connector, into, skip = [] } = subject
  const names = new Set<string>()
  const it: It = (name, body, timeout = 180_000) => {
    names.add(name)
    const skipped = skip.find((one) => one.case === name)
    if (skipped) test.skip(`${name} (${skipped.why})`, body)
    else test(name, body, timeout)
  }
  describe(`the connector ${connector.name}${isHttp(subject) ? '' : `, ${subject.title}`}`, () => {
    const isWhole = connector.delivers(modeOf(subject), into) === 'whole'
    if (isWhole) wholePromises(subject, it)
    else promises(subject, it)
    if (!isWhole && isHttp(subject)) protocolPromises(subject, it)
    const unknown = skip.find((one) => !names.has(one.case))
    if (unknown) throw new Error(`the suite has no test "${unknown.case}" to skip`)
  })
}
