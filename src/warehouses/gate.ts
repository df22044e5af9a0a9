/** Lets work run side by side, or one piece alone: it waits for what is under way, and what comes after waits for it. */
export class Gate {
  readonly #running = new Set<Promise<unknown>>()
  #last: Promise<unknown> = Promise.resolve()

  async shared<T>(work: () => Promise<T>): Promise<T> {
    let before: Promise<unknown>
    do {
      before = this.#last
      await before
    } while (before !== this.#last)
    const running = settled(work())
    this.#running.add(running.end)
    running.end.then(() => this.#running.delete(running.end))
    return await running.result
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last
    const result = before.then(() => Promise.all(this.#running)).then(work)
    this.#last = settled(result).end
    return await result
  }
}

/** The work, and a promise that is kept when it has ended either way. */
function settled<T>(result: Promise<T>): { result: Promise<T>; end: Promise<void> } {
  const nothing = () => {}
  return { result, end: result.then(nothing, nothing) }
}
