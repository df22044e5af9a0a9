import { openEnvironment } from '../../src/commands/world.ts'
import type { Environment, Request } from '../../src/environment.ts'
import { CdpError } from '../../src/error.ts'
import { SANDBOX } from './small-shop.ts'

/** Runs a command that reads or mends the ledger of the sandbox, in this process. */
export async function mending<T, A extends readonly unknown[]>(
  directory: string,
  command: (request: Request, environment: Environment, ...asked: A) => Promise<T>,
  asked: A,
  more: Partial<Environment> & { readonly request?: Partial<Request> } = {},
): Promise<T> {
  const { environment, close } = openEnvironment(() => undefined, new AbortController().signal)
  const { request, ...world } = more
  try {
    return await command({ ...SANDBOX, directory, ...request }, { ...environment, ...world }, ...asked)
  } finally {
    await close()
  }
}

/** The codes and first words of what a command refused. Throws where it refused nothing. */
export async function refusal(command: Promise<unknown>): Promise<{ readonly code: string; readonly message: string }> {
  const thrown = await command.then(
    () => undefined,
    (error: unknown) => error,
  )
  const [first] = thrown instanceof CdpError ? thrown.diagnostics : []
  if (first === undefined) throw thrown ?? new Error('nothing was refused')
  return { code: first.code, message: first.message }
}
