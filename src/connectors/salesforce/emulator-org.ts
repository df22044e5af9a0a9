import type { Json, Ms } from '../connector.ts'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import type { Row, Rows } from '../sandbox/store.ts'

export interface SalesforceOptions {
  /** Address that a login names for data. */
  readonly origin: string
  readonly clientId: string
  /** '' = the app has no client credentials flow. */
  readonly clientSecret: string
  /** A user of the JWT bearer flow. Without a key no signature is looked at. */
  readonly jwt?: { readonly username: string; readonly audience: string; readonly publicKey?: string | undefined }
  /** A user of the password flow; the security token stands behind the password. */
  readonly user?: { readonly username: string; readonly password: string }
  /** Custom fields by object, besides the standard ones. Any `X__c` may be written; these are described too. */
  readonly fields: ReadonlyMap<string, readonly string[]>
  /** Campaigns by id, with the statuses of their members; the first is the default. */
  readonly campaigns?: ReadonlyMap<string, readonly string[]>
  /** `Contact`, `Contact.Email` or `Contact delete`: what the user may not write. */
  readonly readOnly?: readonly string[]
  readonly org?: OrgRules
  /** What else the org says of a record that is written or deleted. */
  readonly rule?: (object: string, record: Row) => Refusal | undefined
  /** The API calls of 24 hours; default 15,000. */
  readonly dailyCalls?: number
  /** How long a session lasts; default two hours. */
  readonly session?: Ms
  readonly jobs?: JobOptions
  /** Wall clock; default: the machine's. */
  readonly now?: () => Ms
}

/** How administrators have set up an org, and what goes on in it besides. */
export interface OrgRules {
  /** What a validation rule says of a record that breaks it. */
  readonly validation?: (object: string, record: Row) => string | undefined
  /** The text with which a trigger throws. */
  readonly trigger?: (object: string, record: Row) => string | undefined
  /** How long the triggers of one record run. */
  readonly takes?: (object: string, record: Row) => Ms
  /** Is this a record at which the vendor itself fails? */
  readonly breaks?: (object: string, record: Row) => boolean
  /** `Contact.Loyalty__c`: fields whose values are unique. */
  readonly unique?: readonly string[]
  /** `Contact.Email`: fields of which a duplicate rule warns when two records have the same value. */
  readonly duplicates?: readonly string[]
  /** Ids of records that somebody else is writing, and until when. Their children cannot be written either. */
  readonly locked?: ReadonlyMap<string, Ms>
  /** Ids of records that the user sees and may not write. */
  readonly unwritable?: ReadonlySet<string>
  /** Ids of records that are not shared with the user. */
  readonly unshared?: ReadonlySet<string>
  /** The most records that fit into the org. */
  readonly storage?: number
  /** How long a query of an object takes; 2 minutes are the most. */
  readonly queryTakes?: (object: string) => Ms
  /** When the org is closed for maintenance. */
  readonly closed?: { readonly from: Ms; readonly until: Ms }
  /** May the API be used at all? Default: yes. */
  readonly apiEnabled?: boolean
}

export interface Refusal {
  readonly code: string
  readonly message: string
  readonly fields?: readonly string[]
}

export interface JobOptions {
  /** Questions until a job has ended; default 1. */
  readonly polls?: number
  /** How long a job takes besides; default 0. */
  readonly takes?: Ms
  /** How long a record of a job takes; default 0. */
  readonly perRecord?: Ms
  /** Parts of 10,000 records in 24 hours; default 15,000. */
  readonly dailyBatches?: number
  /** Records of a part, where it is not 10,000. */
  readonly partRows?: number
  /** Results on one page, where they come in pages. */
  readonly pageRows?: number
  /** What befalls the nth job, from 1: it never ends, or loses the result of every third row. */
  readonly fate?: (job: number) => 'stalls' | 'loses' | undefined
}

/** A request to the org that has passed the login. */
export interface Call {
  readonly request: Seen
  /** Behind `/services/data/v67.0`. */
  readonly path: string
  readonly rows: Rows
  readonly options: SalesforceOptions
  readonly index: ExternalIds
  readonly now: Ms
}

/** A result of one record. */
export type Result = { readonly [key: string]: Json }

export function refused(statusCode: string, message: string, fields: readonly string[] = []): Result {
  return { success: false, errors: [{ statusCode, message, fields }] }
}

export function notFound(): Answer {
  return failed(404, 'NOT_FOUND', 'The requested resource does not exist')
}

export function failed(status: number, errorCode: string, message: string): Answer {
  return { status, body: [{ message, errorCode }] }
}

/** Record ids by lower-cased value, built when a field is first asked for. */
export class ExternalIds {
  readonly #fields = new Map<string, Map<string, Set<string>>>()

  find(rows: Rows, object: string, field: string, value: Json): readonly string[] {
    const name = `${object}.${field}`
    const known = this.#fields.get(name) ?? new Map<string, Set<string>>()
    if (!this.#fields.has(name)) {
      this.#fields.set(name, known)
      for (const [id, row] of rows.all(object)) enter(known, id, row[field])
    }
    // The index only grows: what was changed, deleted or reset since is told by the row itself.
    return [...(known.get(text(value)) ?? [])].filter((id) => {
      const row = rows.get(object, id)
      return row !== undefined && row.IsDeleted !== true && text(row[field]) === text(value)
    })
  }

  add(object: string, id: string, row: Row): void {
    for (const [name, known] of this.#fields) {
      const [of, field] = name.split('.')
      if (of === object && field !== undefined) enter(known, id, row[field])
    }
  }
}

function enter(known: Map<string, Set<string>>, id: string, value: Json | undefined): void {
  if (value === undefined || value === null) return
  const ids = known.get(text(value)) ?? new Set()
  known.set(text(value), ids.add(id))
}

function text(value: Json | undefined): string {
  return String(value ?? '').toLowerCase()
}
