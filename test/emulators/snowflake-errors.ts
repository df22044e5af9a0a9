import { unkept } from './snowflake-names.ts'

/** An error as the service answers with it. */
export class SnowflakeError extends Error {
  readonly code: string
  readonly sqlState: string

  constructor(code: string, sqlState: string, message: string) {
    super(message)
    this.code = code
    this.sqlState = sqlState
  }
}

/** What Snowflake would say where DuckDB said this. */
export function fromDuckdb(error: unknown): SnowflakeError {
  if (error instanceof SnowflakeError) return error
  const message = unkept(error instanceof Error ? error.message : String(error))
  for (const [pattern, code, sqlState, words] of KNOWN) {
    const found = pattern.exec(message)
    if (found) return new SnowflakeError(code, sqlState, words(found[1] ?? ''))
  }
  return new SnowflakeError('000603', 'XX000', `emulated on DuckDB: ${message}`)
}

const compilation = (words: string): string => `SQL compilation error:\n${words}`
const missing = (name: string): string => compilation(`Object '${name}' does not exist or not authorized.`)

const KNOWN: readonly (readonly [RegExp, string, string, (found: string) => string])[] = [
  [/INTERRUPT/, '000604', '57014', () => 'SQL execution canceled'],
  [/Table with name (.+) does not exist!/, '002003', '42S02', missing],
  [/View with name (.+) does not exist!/, '002003', '42S02', missing],
  [/Table with name "(.+)" does not exist because schema/, '002003', '02000', missing],
  [/Schema with name (.+) does not exist/, '002003', '02000', missing],
  [/Catalog "(.+?)" does not exist/, '002003', '02000', missing],
  [/Referenced column "(.+?)" not found/, '000904', '42000', (name) => compilation(`invalid identifier '${name}'`)],
  [/does not have a column named "(.+?)"/, '000904', '42000', (name) => compilation(`invalid identifier '${name}'`)],
  [/already exists/, '002002', '42710', () => compilation('Object already exists.')],
  [
    /Could not convert string '(.*?)' to (?:U?INT|DECIMAL|DOUBLE|HUGEINT|BIGINT)/s,
    '100038',
    '22018',
    (value) => `Numeric value '${value}' is not recognized`,
  ],
  [
    /Could not convert string "?(.*?)"? to BOOL/s,
    '100037',
    '22018',
    (value) => `Boolean value '${value}' is not recognized`,
  ],
  [
    /(?:timestamp|date) field value out of range: "(.*?)"|invalid (?:timestamp|date) field format: "(.*?)"/s,
    '100035',
    '22007',
    (value) => `Timestamp '${value}' is not recognized`,
  ],
  [/Parser Error: (.*)/, '001003', '42000', compilation],
]
