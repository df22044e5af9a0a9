import { existsSync } from 'node:fs'
import { arrange, compileModels } from './arrange.ts'
import { type Preview, readPreview } from './build/preview.ts'
import { type BridgesReport, type BridgesRequest, readBridges } from './catalog/bridges.ts'
import { diffStatements, type IdentityDiff, readDiff } from './catalog/diff.ts'
import { type ExplainRequest, type Explanation, entitiesNamed, readExplanation } from './catalog/explain.ts'
import { publishedBuild } from './catalog/published.ts'
import { leavingNothing } from './catalog/scratch.ts'
import { readShared, type SharedReport, type SharedRequest } from './catalog/shared.ts'
import { readStatus, type Status } from './catalog/status.ts'
import { compilePreview } from './compile/preview.ts'
import type { Environment, Request } from './environment.ts'
import { type CdpError, failure, nearest } from './error.ts'
import { openAccounts, sandboxFolder } from './open.ts'
import type { Project } from './project/project.ts'
import { type Held, held } from './report.ts'
import { check, closing, compute, connect, read, reading } from './stages.ts'
import { ledgerSchema } from './syncs.ts'

/** Who is in a segment as the project says now, without publishing anything. Throws CdpError. */
export async function preview(request: Request, environment: Environment, segment: string): Promise<Preview> {
  const project = await read(request, environment)
  const wanted = project.segments.get(segment)
  if (wanted === undefined) throw unknownSegment(project, segment)
  const session = await connect(project, request, environment, 'write')
  return closing(session, async () => {
    const context = { project, dialect: session.dialect }
    await check(project, session, environment)
    const models = arrange(compileModels(context), [`segments/${wanted.entity}`])
    const built = await compute(context, models, session, {
      environment,
      runId: environment.runId(),
      ignoreGuards: true,
    })
    return readPreview(compilePreview(context, wanted), session, { b: built.number })
  })
}

/** What is published, and what the ledger knows of every sync. Changes nothing. Throws CdpError. */
export async function status(request: Request, environment: Environment): Promise<Status> {
  const project = await read(request, environment)
  const session = await connect(project, request, environment, 'read')
  const asked = { ledger: ledgerSchema(project, request), sandbox: request.sandbox, connectors: environment.connectors }
  return closing(session, () => readStatus({ project, dialect: session.dialect }, session, asked))
}

/** Why records are one person, or are not, as it is published. Changes nothing. Throws CdpError. */
export async function explain(request: Request, environment: Environment, asked: ExplainRequest): Promise<Explanation> {
  return reading(request, environment, (context, session) => readExplanation(context, session, asked))
}

/** Identifiers by how many stronger ones they were seen with, as it is published. Changes nothing. Throws CdpError. */
export async function identityShared(
  request: Request,
  environment: Environment,
  asked: SharedRequest,
): Promise<SharedReport> {
  return reading(request, environment, (context, session) => readShared(context, session, asked))
}

/** Where a published profile would fall apart. Changes nothing. Throws CdpError. */
export async function identityBridges(
  request: Request,
  environment: Environment,
  asked: BridgesRequest,
): Promise<BridgesReport> {
  return reading(request, environment, (context, session) => readBridges(context, session, asked))
}

/** What the project as it is now would change of the published profiles; leaves nothing behind. Throws CdpError. */
export async function identityDiff(
  request: Request,
  environment: Environment,
  asked: { readonly entity: string | undefined; readonly showValues: boolean },
): Promise<IdentityDiff> {
  const project = await read(request, environment)
  const entities = entitiesNamed(project, asked.entity)
  const session = await connect(project, request, environment, 'write')
  return closing(session, async () => {
    const context = { project, dialect: session.dialect }
    const published = await publishedBuild(context, session)
    if (published === undefined) return { compared_with: null, entities: [], guard: [] }
    await check(project, session, environment)
    const names = entities.map(({ name }) => `identity/${name}`)
    const models = arrange(compileModels(context), names)
    const statements = diffStatements(context, entities)
    const more = [...statements.values()].map(({ makes }) => makes)
    const runId = environment.runId()
    return leavingNothing({ context, session, models, more, runId }, async () => {
      const built = await compute(context, models, session, { environment, runId, ignoreGuards: true })
      return readDiff(context, session, { build: built, statements, published, showValues: asked.showValues })
    })
  })
}

/** What every emulated vendor holds; nothing where no run has used the sandbox. Throws CdpError. */
export async function sandboxContents(request: Request, environment: Environment): Promise<readonly Held[]> {
  const project = await read({ ...request, sandbox: true }, environment)
  // Opening a sandbox makes it; and one that is there, but empty, would belong to a ledger that is not.
  if (!existsSync(sandboxFolder(project))) return []
  const syncs = [...project.syncs.values()]
  const accounts = await openAccounts(project, syncs, { ...request, sandbox: true }, environment)
  return closing(accounts, async () => held((await accounts.sandbox?.contents()) ?? []))
}

function unknownSegment(project: Project, name: string): CdpError {
  const close = nearest(name, project.segments.keys())
  const message = `Segment "${name}" is not defined.`
  return failure(
    'project',
    'ref/unknown-segment',
    message,
    close === undefined ? undefined : `Did you mean "${close}"?`,
  )
}
