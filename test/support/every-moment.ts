import { afterAll, beforeAll, expect, test } from 'vitest'
import { emptyFolder } from './cli.ts'
import { counted } from './counted.ts'
import { ON_DUCKDB } from './ground.ts'
import { expectMended, killedAt, momentsOf, type Stage, type Story, stageOf } from './kill.ts'

// `npm run crash`: not part of the tests, because it takes the better part of an hour. `--every 10` takes every tenth
// moment, `--from 3` begins with the third.
const EVERY = Number(process.env.EVERY ?? 1)
const FROM = Number(process.env.FROM ?? 1)

/** Kills a run of the story at every moment, one kill a case. */
export function mendsItself(name: string, story: Story, ground = ON_DUCKDB): void {
  let stage: Stage
  beforeAll(async () => {
    stage = await stageOf(ground, story)
  }, 300_000)
  afterAll(() => stage.remove())

  test(`${name} on ${ground.title}, killed before and after every statement, request and file, mends itself`, {
    timeout: 0,
  }, async () => {
    const whole = await emptyFolder()
    await ground.copy(stage.directory, whole.directory)
    const moments = await momentsOf(whole.directory)
    await whole.remove()
    expect(moments).toBeGreaterThan(100)
    const wrong: string[] = []
    let kills = 0
    for (let number = FROM; number <= moments; number += EVERY) {
      const { directory, remove } = await emptyFolder()
      await ground.copy(stage.directory, directory)
      const killed = await killedAt(directory, { at: 'moment', number })
      kills += 1
      await expectMended(directory, story, stage).catch((error: unknown) => {
        wrong.push(`moment ${number} (${killed.what}): ${error instanceof Error ? error.message : String(error)}`)
      })
      await remove()
    }
    counted('crash', { [`kills on ${ground.title}`]: kills, failing: wrong.length })
    console.log(`${name}: ${kills} kills at ${moments} moments, ${wrong.length} not mended`)
    expect(wrong).toEqual([])
  })
}
