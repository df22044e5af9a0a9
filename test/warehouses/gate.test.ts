import { expect, test } from 'vitest'
import { Gate } from '../../src/warehouses/gate.ts'

/** Work that ends when told, and says when it began. */
function work(log: string[], name: string) {
  let resolve: (value: string) => void = () => {}
  let reject: (reason: Error) => void = () => {}
  const promise = new Promise<string>((keep, breaks) => {
    resolve = keep
    reject = breaks
  })
  const run = () => {
    log.push(name)
    return promise
  }
  return { run, end: () => resolve(name), fail: () => reject(new Error(name)) }
}

test('shared work runs side by side; work alone waits for it and holds up what comes after', async () => {
  const gate = new Gate()
  const log: string[] = []
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => work(log, name))
  if (!a || !b || !c || !d) throw new Error('no work')
  const running = [gate.shared(a.run), gate.shared(b.run)]
  await turn()
  expect(log).toEqual(['a', 'b'])
  running.push(gate.alone(c.run), gate.shared(d.run))
  await turn()
  b.end()
  await turn()
  expect(log).toEqual(['a', 'b'])
  a.end()
  await turn()
  expect(log).toEqual(['a', 'b', 'c'])
  c.end()
  await turn()
  expect(log).toEqual(['a', 'b', 'c', 'd'])
  d.end()
  expect(await Promise.all(running)).toEqual(['a', 'b', 'c', 'd'])
})

test('work that fails lets the next through, and its failure out', async () => {
  const gate = new Gate()
  const log: string[] = []
  const [a, b, c] = ['a', 'b', 'c'].map((name) => work(log, name))
  if (!a || !b || !c) throw new Error('no work')
  const first = gate.shared(a.run)
  await turn()
  const outcomes = Promise.allSettled([first, gate.alone(b.run), gate.alone(c.run)])
  a.fail()
  b.fail()
  c.end()
  expect((await outcomes).map((outcome) => outcome.status)).toEqual(['rejected', 'rejected', 'fulfilled'])
  expect(log).toEqual(['a', 'b', 'c'])
})

/** After every promise that can be kept now. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
