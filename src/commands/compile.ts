import { join, relative } from 'node:path'
import { manifestOf } from '../catalog/manifest.ts'
import { compile as compiled } from '../pipeline.ts'
import { errorReport } from '../report.ts'
import { writeFolder, writeJson } from './artifacts.ts'
import { atDesk, type Call, heading, say } from './command.ts'
import { count, visible } from './layout.ts'

/** `cdp compile`: the SQL of every model, publish and sync as readable files; files that are no longer made go. */
export function compile(call: Call): Promise<number> {
  return atDesk(call, async (desk) => {
    const { target, files, diagnostics } = await compiled(desk.request, desk.environment)
    const errors = diagnostics.filter(({ severity }) => severity === 'error')
    const code = errors.length > 0 ? 2 : 0
    // What only matters once an account is opened is for "validate" to say.
    if (code !== 0) say(desk, diagnostics)
    const folder = join(desk.request.directory, '.cdp', 'compiled', target)
    if (code === 0) await writeFolder(folder, files)
    if (desk.seen.project)
      await writeJson(join(desk.request.directory, '.cdp/manifest.json'), manifestOf(desk.seen.project))
    const paths = code === 0 ? files.map(({ path }) => path) : []
    if (call.options.json)
      desk.screen.document({ ...heading('compile', code), target, files: paths, errors: diagnostics.map(errorReport) })
    else if (!call.options.quiet && code === 0)
      desk.screen.print([
        `Wrote ${count(files.length, 'file')} to ${visible(relative(process.cwd(), folder))}/`,
        ...paths.map((path) => `  ${visible(path)}`),
      ])
    return code
  })
}
