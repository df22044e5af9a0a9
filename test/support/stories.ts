import { expect } from 'vitest'
import type { Story } from './kill.ts'
import { changeBack, changeMuch, runInSandbox } from './small-shop.ts'

export const FIRST_FILL: Story = { before: async () => undefined, meanwhile: changeMuch }

/** A run with creations, updates and removals. */
export const CHANGES: Story = {
  before: async (directory) => {
    expect((await runInSandbox(directory)).report).toMatchObject({ status: 'ok', errors: [] })
    await changeMuch(directory)
  },
  meanwhile: changeBack,
}
