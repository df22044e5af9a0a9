import { readFileSync } from 'node:fs'
import { visible } from './commands/layout.ts'
import { read } from './commands/program.ts'
import { listenForSignals } from './commands/signals.ts'
import { PACKAGE } from './package.ts'

// Constants come first: the entry runs before what stands below it is initialised.
const TLS = 'NODE_TLS_REJECT_UNAUTHORIZED=0 would let anybody read what is sent; cdp does not run with it.'
const TLS_FIX = "Unset it. A company's own certificate goes into NODE_EXTRA_CA_CERTS."

await end(await main(process.argv.slice(2)))

/** Runs what the arguments ask for and returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  surviveClosedPipes()
  const asked = read(argv, version())
  switch (asked.kind) {
    case 'text':
      process.stdout.write(asked.text)
      return 0
    case 'wrong':
      return refuse(asked.message, asked.fix, asked.json)
    case 'call': {
      const { call, work } = asked
      // A failure that no promise led back to the command.
      process.once('uncaughtException', async (thrown) => end(await reportBug(call, thrown)))
      if (process.env.NODE_TLS_REJECT_UNAUTHORIZED === '0') return refuse(TLS, TLS_FIX, call.options.json === true)
      try {
        return await work({ ...call, ...listenForSignals(call.name) })
      } catch (thrown) {
        return reportBug(call, thrown)
      }
    }
  }
}

/** What nobody caught: a bug, told with what is needed to report it. */
async function reportBug(
  call: Parameters<typeof import('./commands/command.ts').fail>[0],
  thrown: unknown,
): Promise<number> {
  const { asFailure } = await import('./error.ts')
  const { fail } = await import('./commands/command.ts')
  const { openScreen } = await import('./commands/screen.ts')
  return fail(call, openScreen({ colour: call.options.color !== false, env: process.env }), asFailure(thrown))
}

function version(): string {
  const text = readFileSync(new URL('package.json', PACKAGE), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}

function refuse(message: string, fix: string | undefined, json: boolean): number {
  const code = 'command/arguments'
  process.stderr.write(`${code}\n  ${visible(message)}\n${fix === undefined ? '' : `  ${visible(fix)}\n`}`)
  const errors = [{ code, severity: 'error', message, ...(fix !== undefined && { fix }) }]
  if (json) process.stdout.write(`${JSON.stringify({ version: 1, status: 'failed', exit_code: 2, errors }, null, 2)}\n`)
  return 2
}

/** `cdp status | head -1` closes the pipe early: the rest of the text has no reader, and the work goes on. */
function surviveClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
}

/** Lets both streams take what was written, then exits: connections that are still open must not hold the process. */
async function end(code: number): Promise<never> {
  for (const stream of [process.stdout, process.stderr])
    if (!stream.destroyed) await new Promise<void>((done) => stream.write('', () => done()))
  process.exit(code)
}
