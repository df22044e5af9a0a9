import { z } from 'zod'
import { isSecret } from '../../src/secret.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import type { Warehouse } from '../../src/warehouses/warehouse.ts'

/** A real account, as the environment describes it. */
export interface LiveTarget {
  readonly warehouse: Warehouse<unknown>
  /** As its `connect` takes them. */
  readonly options: unknown
  /** As a project writes them: `{ type: postgres, host: "${env:CDP_LIVE_POSTGRES_HOST}" }`. */
  readonly yaml: string
  /** Where, without secrets. */
  readonly place: string
}

/** Why there is none, in lines for whoever asked. */
export interface NoTarget {
  readonly says: readonly string[]
}

/** Whatever the registry knows can be run against, but for what is embedded: that is run by every test. */
const KINDS = [...warehouses().values()].filter(({ type }) => type !== 'duckdb')

/** The account that the variables `CDP_LIVE_<KIND>_<OPTION>` describe: every option of the warehouse has one. */
export function liveTarget(
  kind: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): LiveTarget | NoTarget {
  const warehouse = KINDS.find(({ type }) => type === kind)
  if (warehouse === undefined)
    return { says: [`Say which warehouse: npm run live -- <${KINDS.map(({ type }) => type).join('|')}>`] }
  const all = variablesOf(warehouse)
  const given = all.flatMap(({ option, variable }) => {
    const value = env[variable]
    return value === undefined || value === '' ? [] : [{ option, variable, value }]
  })
  const parsed = warehouse.options.safeParse(Object.fromEntries(given.map(({ option, value }) => [option, value])))
  if (given.length === 0 || !parsed.success)
    return {
      says: [
        ...wants(warehouse),
        ...(given.length === 0 ? [] : (parsed.error?.issues ?? [])).map(
          ({ path, message }) => `${path.join('.')}: ${message}`,
        ),
      ],
    }
  const written = given.map(({ option, variable }) => `${option}: "\${env:${variable}}"`)
  const shown = given.filter(({ option }) => !all.find((one) => one.option === option)?.secret)
  return {
    warehouse,
    options: parsed.data,
    yaml: `{ ${[`type: ${warehouse.type}`, ...written].join(', ')} }`,
    place: shown.map(({ option, value }) => `${option} ${value}`).join(', '),
  }
}

interface Variable {
  readonly option: string
  readonly variable: string
  readonly needed: boolean
  readonly secret: boolean
  readonly about: string
}

function variablesOf({ type, options }: Warehouse<unknown>): readonly Variable[] {
  const needed = new Set(options.safeParse({}).error?.issues.map(({ path }) => path[0]))
  return Object.entries((options as unknown as z.ZodObject).shape).map(([option, shape]) => ({
    option,
    variable: `CDP_LIVE_${type}_${option}`.toUpperCase(),
    needed: needed.has(option),
    secret: isSecret(shape),
    about: aboutOf(shape),
  }))
}

/** The description, also where it stands on what is optional. */
function aboutOf(shape: z.core.$ZodType): string {
  const inner = (shape._zod.def as { readonly innerType?: z.core.$ZodType }).innerType
  return z.globalRegistry.get(shape)?.description ?? (inner ? aboutOf(inner) : '')
}

function wants(warehouse: Warehouse<unknown>): readonly string[] {
  return [
    `To run against a real ${warehouse.type}, set what its options are:`,
    ...variablesOf(warehouse).map(
      ({ variable, needed, about }) => `  ${variable}${needed ? ' (needed)' : ''}  ${about}`,
    ),
    'Name an empty database: schemas are made in it, and dropped in the end.',
  ]
}
