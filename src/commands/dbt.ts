import { readFile } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import { CdpError, failure } from '../error.ts'
import { exposuresOf } from '../project/dbt-exposures.ts'
import { read } from '../stages.ts'
import { writeText } from './artifacts.ts'
import { atDesk, type Call, heading } from './command.ts'
import { exposuresYaml } from './exposures-yaml.ts'
import { count, visible } from './layout.ts'

/** `cdp dbt exposures`: what syncs make of models of dbt, as dbt reads it; on stdout, or into a file. */
export function exposures(call: Call<Call['options'] & { readonly output?: string }>): Promise<number> {
  return atDesk(call, async ({ request, environment, screen }) => {
    const project = await read(request, environment)
    const found = exposuresOf(project)
    if (found.problems.length > 0) throw new CdpError('project', found.problems)
    const { output, json, quiet } = call.options
    const path = output === undefined ? undefined : resolve(output)
    const before = path === undefined ? undefined : await readFile(path, 'utf8').catch(() => undefined)
    const text = await exposuresYaml(found.exposures, before)
    if (text === undefined)
      throw failure(
        'project',
        'command/arguments',
        `The file "${output}" was not written by this command.`,
        'Name another file: what people wrote is not written over.',
      )
    if (path !== undefined) await writeText(path, text)
    if (json) screen.document({ ...heading('dbt exposures', 0), exposures: found.exposures, errors: [] })
    else if (path === undefined) screen.print(text.trimEnd().split('\n'))
    else if (!quiet)
      screen.print([`Wrote ${count(found.exposures.length, 'exposure')} to ${visible(relative(process.cwd(), path))}`])
    return 0
  })
}
