import { SnowflakeError } from './snowflake-errors.ts'

/** The role that may do everything. */
export const ADMIN = 'ACCOUNTADMIN'

/** What roles were granted; whoever makes a schema owns it, and what is in it. */
export class Rights {
  readonly #database: string
  readonly #granted = new Set<string>()
  readonly #owners = new Map<string, string>()

  constructor(database: string) {
    this.#database = database
  }

  /** `grant select on all tables in schema raw to role cdp`. True where the statement was one of rights. */
  say(sql: string, role: string): boolean {
    const text = sql.replaceAll('"', '').replace(/\s+/g, ' ').trim().toUpperCase()
    if (/^(CREATE (ROLE|USER)|GRANT ROLE|ALTER USER) /.test(text)) return true
    const found = /^(GRANT|REVOKE) (.+) ON (.+) (?:TO|FROM) ROLE (\S+)$/.exec(text)
    if (!found) return false
    if (role !== ADMIN) throw refused(`role '${role}'`)
    const [, verb, rights = '', object = '', to = ''] = found
    for (const right of rights.split(',').map((one) => one.trim())) {
      if (right === 'OWNERSHIP') this.#owners.set(object.replace('SCHEMA ', ''), to)
      const key = `${to} ${right} ${object.replace(/^FUTURE /, 'ALL ')}`
      if (verb === 'GRANT') this.#granted.add(key)
      else this.#granted.delete(key)
    }
    return true
  }

  mayUse(role: string, kind: 'DATABASE' | 'WAREHOUSE', name: string): boolean {
    return role === ADMIN || this.#granted.has(`${role} USAGE ${kind} ${name}`)
  }

  /** Throws unless the role may make the schema; it is its own then. */
  makeSchema(role: string, schema: string): void {
    if (role !== ADMIN && !this.#granted.has(`${role} CREATE SCHEMA DATABASE ${this.#database}`))
      throw refused(`database '${this.#database}'`)
    if (!this.#owners.has(schema)) this.#owners.set(schema, role)
  }

  /** Throws unless the role may read the table. */
  read(role: string, schema: string, table: string): void {
    if (this.#owns(role, schema) || schema === 'INFORMATION_SCHEMA') return
    const selects =
      this.#granted.has(`${role} SELECT TABLE ${schema}.${table}`) ||
      this.#granted.has(`${role} SELECT ALL TABLES IN SCHEMA ${schema}`)
    if (selects && this.#granted.has(`${role} USAGE SCHEMA ${schema}`)) return
    const name = `${this.#database}.${schema}.${table}`
    throw new SnowflakeError(
      '002003',
      '42S02',
      `SQL compilation error:\nObject '${name}' does not exist or not authorized.`,
    )
  }

  /** Throws unless the role may make, change and drop what is in the schema. */
  write(role: string, schema: string): void {
    if (!this.#owns(role, schema)) throw refused(`schema '${schema}'`)
  }

  #owns(role: string, schema: string): boolean {
    return role === ADMIN || this.#owners.get(schema) === role
  }
}

function refused(object: string): SnowflakeError {
  return new SnowflakeError(
    '003001',
    '42501',
    `SQL access control error:\nInsufficient privileges to operate on ${object}.`,
  )
}
