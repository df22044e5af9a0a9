// The tool as a few files instead of some three hundred: node finds, reads and links each module that it loads, which
// took a third of the time of a short command. What comes from packages stays outside; imports on demand stay chunks.
import { isAbsolute } from 'node:path'
import { defineConfig } from 'rolldown'

// biome-ignore lint/style/noDefaultExport: rolldown reads the default export
export default defineConfig({
  // Besides the command: what test/support/killer.mjs takes hold of.
  input: { cli: 'src/cli.ts', world: 'src/commands/world.ts', pipeline: 'src/pipeline.ts', sql: 'src/sql/sql.ts' },
  platform: 'node',
  external: (name) => !name.startsWith('.') && !isAbsolute(name),
  output: { dir: 'dist', format: 'esm', cleanDir: true },
})
