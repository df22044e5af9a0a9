import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/support/sequence.ts'

// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default defineConfig({
  test: {
    // `npm run crash` takes its own files, which take too long for everyday, and every point of those that are killed.
    // `npm run live` those that need a real account.
    include: process.env.LIVE
      ? ['test/live/*.live.ts']
      : process.env.CRASH
        ? ['test/crash/*.crash.ts', 'test/e2e/kill-*.test.ts']
        : ['test/**/*.test.ts', 'examples/**/*.test.ts'],
    globalSetup: [
      ...(process.env.LIVE ? ['test/live/setup.ts'] : []),
      'test/support/build.ts',
      'test/support/run-folder.ts',
    ],
    // For what hangs: a test may take several times as long beside two others.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Two cores, and a third file for when two wait: for a process, a server, a lock.
    maxWorkers: 3,
    // Files of one worker share the modules that they load: to load them anew for each took a quarter of the time.
    isolate: false,
    sequence: { sequencer: LongestFirst },
  },
})
