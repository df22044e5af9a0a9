import { z } from 'zod'
import type { IdentityDiff } from './catalog/diff.ts'
import type { Json } from './connectors/connector.ts'
import type { FieldValue, Project, Sync } from './project/project.ts'
import { referencesIn } from './project/references.ts'
import { rowColumn } from './project/row-column.ts'
import { tellsWho } from './project/sync-columns.ts'
import type { Report } from './report.ts'
import type { Estimate } from './sync/draft.ts'
import type { SampledRow } from './sync/plan-sample.ts'
import type { DraftedSync } from './syncs.ts'

/** What `cdp plan` shows: a report of what a run would do, and of each sync what that is for people and vendor. */
export interface PlanReport extends Omit<Report, 'syncs'> {
  readonly command: 'plan'
  readonly syncs: readonly PlannedSyncReport[]
  /** What `cdp apply` needs; undefined where the plan was not kept. */
  readonly plan?: PlanFile
  /** Which published profiles would merge and fall apart; undefined where nobody asked for it. */
  readonly moves?: IdentityDiff
}

export type PlannedSyncReport = Report['syncs'][number] & {
  /** The source whose rows are sent; undefined = people are. */
  readonly source?: string
  /** Undefined where the vendor's rate is not known here. */
  readonly estimate?: Estimate
  /** A few rows of each kind. */
  readonly sample: readonly ShownRow[]
}

/** A sampled row as it may be shown. */
export interface ShownRow extends SampledRow {
  /** Names of fields whose value differs from what was acknowledged; null where that is not known. */
  readonly changed: readonly string[] | null
}

/** How long a plan may be applied, in hours. */
export const PLAN_HOURS = 48

const count = z.number().int().nonnegative()

/** The file that `plan -o` writes and `apply` reads. It holds no values of persons. */
export const planFile = z.object({
  version: z.literal(1),
  kind: z.literal('cdp-plan'),
  plan_id: z.string().regex(/^[\w.-]{1,80}$/),
  /** ISO 8601, UTC. */
  made_at: z.string(),
  target: z.string(),
  sandbox: z.boolean(),
  /** What the command was told besides: it is told the same again when the plan is applied. */
  asked: z.object({
    vars: z.record(z.string(), z.string()),
    now: z.string().nullable(),
    select: z.array(z.string()),
    exclude: z.array(z.string()),
    max_changes: count.nullable(),
  }),
  /** Changes with what the project means. */
  meaning: z.string(),
  build: count,
  /** The build that readers saw when the plan was made; null before the first. */
  base_build: count.nullable(),
  /** True: a guard speaks against it, so that it is applied with `--override` only. */
  blocked: z.boolean(),
  syncs: z.array(
    z.object({
      name: z.string(),
      fence: count,
      digest: z.string(),
      creates: count,
      updates: count,
      removes: count,
    }),
  ),
})

export type PlanFile = z.infer<typeof planFile>

/** A drafted sync as the report shows it; `open`: personal values are shown as they are. */
export function plannedSync(project: Project, draft: DraftedSync, open: boolean): PlannedSyncReport {
  const { diagnostics: _, ...outcome } = draft.outcome
  return {
    ...outcome,
    ms: Math.round(outcome.ms),
    ...(draft.sync.rows && { source: draft.sync.rows.source }),
    ...(draft.estimate && { estimate: draft.estimate }),
    sample: draft.sample.map((row) => ({
      ...(open ? row : masked(project, draft.sync, row)),
      changed: changedIn(row),
    })),
  }
}

/** Told from the values themselves: two that are hidden look alike. */
function changedIn({ before, fields }: SampledRow): ShownRow['changed'] {
  if (before === null) return null
  const names = [...new Set([...Object.keys(before), ...Object.keys(fields)])]
  return names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(fields[name]))
}

/** A row without what says who somebody is; what is missing is still seen to be missing. */
function masked(project: Project, sync: Sync, row: SampledRow): SampledRow {
  const personal = personalNames(project, sync)
  const hide = (values: SampledRow['fields']) =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]): [string, Json] => [
        name,
        personal.has(name) && value !== null ? '[hidden]' : value,
      ]),
    )
  return { ...row, key: hide(row.key), fields: hide(row.fields), before: row.before && hide(row.before) }
}

/** Their names of what a sync sends that says who somebody is. */
function personalNames(project: Project, sync: Sync): ReadonlySet<string> {
  const tells = (trait: string) => tellsWho(project, sync, trait)
  return new Set([
    ...sync.key.filter(({ trait }) => tells(trait)).map(({ theirs }) => theirs),
    ...sync.fields
      .filter(({ value }) => traitsIn(value, sync.rows !== undefined).some(tells))
      .map(({ theirs }) => theirs),
  ])
}

function traitsIn(value: FieldValue, isRow: boolean): readonly string[] {
  switch (value.kind) {
    case 'trait':
      return [value.trait]
    case 'literal':
      return []
    case 'template':
      return value.pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.trait]))
    case 'expression':
      return [...referencesIn(value.expression)].flatMap(({ to }) =>
        isRow ? [rowColumn(to)] : to.kind === 'trait' ? [to.trait] : [],
      )
  }
}
