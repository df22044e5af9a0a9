import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { emptyFolder } from '../support/cli.ts'
import { counted } from '../support/counted.ts'
import { expectMended, killedAt, momentsOf, type Stage, type Story, stageOf } from '../support/kill.ts'
import { changeBack, changeMuch, runInSandbox, smallShop } from '../support/small-shop.ts'

// `npm run crash`: one run is killed before and after every statement, request and file, one kill a case. Not part of
// the tests: it takes the better part of an hour. `--every 10` takes every tenth moment, `--from 3` begins with the third.
const EVERY = Number(process.env.EVERY ?? 1)
const FROM = Number(process.env.FROM ?? 1)

const STORIES: Readonly<Record<string, Story>> = {
  'the first fill': { before: async () => undefined, meanwhile: changeMuch },
  'creations, updates and removals': {
    before: async (directory) => {
      expect((await runInSandbox(directory)).report).toMatchObject({ status: 'ok', errors: [] })
      await changeMuch(directory)
    },
    meanwhile: changeBack,
  },
}

describe.each(Object.entries(STORIES))('%s, killed at every moment', (name, story) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await stageOf(story)
  }, 300_000)
  afterAll(() => stage.remove())

  test('mends itself from each of them', { timeout: 0 }, async () => {
    const moments = await momentsOf(await smallShop({ from: stage.directory }))
    expect(moments).toBeGreaterThan(100)
    const wrong: string[] = []
    let kills = 0
    for (let number = FROM; number <= moments; number += EVERY) {
      const { directory, remove } = await emptyFolder()
      await smallShop({ from: stage.directory, into: directory })
      const killed = await killedAt(directory, { at: 'moment', number })
      kills += 1
      await expectMended(directory, story, stage.control).catch((error: unknown) => {
        wrong.push(`moment ${number} (${killed.what}): ${error instanceof Error ? error.message : String(error)}`)
      })
      await remove()
    }
    counted('crash', { moments, kills, failing: wrong.length })
    console.log(`${name}: ${kills} kills at ${moments} moments, ${wrong.length} not mended`)
    expect(wrong).toEqual([])
  })
})
