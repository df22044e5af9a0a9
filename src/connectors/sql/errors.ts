import { TIMEOUT } from '../answer.ts'
import { DestinationError, type Receipt } from '../connector.ts'
import { type DatabaseDialect, DatabaseError } from '../database.ts'

/** What a code means. `row`: the values of a row are at fault, and another batch may fare better. */
export interface Meaning {
  readonly code: RegExp
  readonly kind: 'row' | 'auth' | 'config' | 'transient' | 'throttle'
  readonly why: string
  /** As an answer to a commit it leaves open whether the transaction was written. */
  readonly open?: true
}

const ANOTHER = 'Another transaction was in the way'
const TOO_MANY = 'The server takes no more connections'
const LOGIN = 'The login was refused'
const RIGHT = 'The user lacks a permission'
const TABLE = 'There is no such table'
const SCHEMA = 'There is no such schema'
const SHAPE = 'The table cannot be made like that'
const SYNTAX = 'The table does not allow the statement'
const COLUMN = 'There is no such column'
const DATABASE = 'There is no such database, or the user may not use it'
const GOING = 'The server is starting or ending'
const DUPLICATE = 'Another row has the same value where it must be unique'
const FOREIGN = 'The row to which a foreign key points is not there, or is still needed'
const EMPTY = 'A column without a default must not be empty'
const VALUE = 'A value does not fit its column'
const CHECK = 'A check of the table refuses the row'

// https://www.postgresql.org/docs/current/errcodes-appendix.html; the first that fits counts.
const POSTGRES: readonly Meaning[] = [
  { code: /^21000$/, kind: 'row', why: 'Two rows of the batch have one key for the database' },
  { code: /^23502$/, kind: 'row', why: EMPTY },
  { code: /^23503$|^23001$/, kind: 'row', why: FOREIGN },
  { code: /^23505$/, kind: 'row', why: DUPLICATE },
  { code: /^23514$|^44000$/, kind: 'row', why: CHECK },
  { code: /^23/, kind: 'row', why: 'A constraint of the table refuses the row' },
  { code: /^22/, kind: 'row', why: VALUE },
  { code: /^(P0|38|39|54)/, kind: 'row', why: 'A trigger or a limit of the server refuses the row' },
  { code: /^28/, kind: 'auth', why: LOGIN },
  { code: /^42501$/, kind: 'auth', why: RIGHT },
  { code: /^3D000$/, kind: 'config', why: DATABASE },
  { code: /^42P01$/, kind: 'config', why: TABLE },
  { code: /^3F000$/, kind: 'config', why: SCHEMA },
  { code: /^42703$/, kind: 'config', why: COLUMN },
  { code: /^42P10$/, kind: 'config', why: 'The key has no unique constraint' },
  { code: /^428C9$/, kind: 'config', why: 'A column is computed by the database and cannot be written' },
  { code: /^42804$/, kind: 'config', why: 'A column has a type to which the values cannot be turned' },
  { code: /^(42|0A|26|34)/, kind: 'config', why: SYNTAX },
  { code: /^40003$/, kind: 'transient', why: 'It is not known whether the transaction was written', open: true },
  { code: /^(40|55)/, kind: 'transient', why: ANOTHER },
  { code: /^57014$/, kind: 'transient', why: 'The statement took too long' },
  { code: /^25006$/, kind: 'transient', why: 'The server takes no writes now' },
  { code: /^53300$/, kind: 'throttle', why: TOO_MANY },
  { code: /^53/, kind: 'transient', why: 'The server lacks memory or disk' },
  { code: /^(57P|08)/, kind: 'transient', why: GOING, open: true },
]

// https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
const MYSQL: readonly Meaning[] = [
  { code: /^(1062|1586)$/, kind: 'row', why: DUPLICATE },
  { code: /^(1048|1364)$/, kind: 'row', why: EMPTY },
  { code: /^(1216|1217|1451|1452)$/, kind: 'row', why: FOREIGN },
  { code: /^(3819|4025)$/, kind: 'row', why: CHECK },
  { code: /^(1264|1265|1292|1300|1366|1367|1406|1411|1690|3140|3141|3156|4079)$/, kind: 'row', why: VALUE },
  { code: /^1644$/, kind: 'row', why: 'A trigger refuses the row' },
  { code: /^1153$/, kind: 'row', why: 'A statement is larger than max_allowed_packet' },
  { code: /^(1045|1130|1251|1698|1820|1862|2059|3118|3955)$/, kind: 'auth', why: LOGIN },
  { code: /^3159$/, kind: 'config', why: 'The server takes encrypted connections only' },
  { code: /^(1142|1143|1227|1370)$/, kind: 'auth', why: RIGHT },
  { code: /^(1044|1046|1049)$/, kind: 'config', why: DATABASE },
  { code: /^(1059|1063|1067|1070|1071|1074|1101|1103|1113|1117|1118|1170|1171)$/, kind: 'config', why: SHAPE },
  { code: /^(1036|1064|1149|1347|1348)$/, kind: 'config', why: SYNTAX },
  { code: /^1146$/, kind: 'config', why: TABLE },
  { code: /^1054$/, kind: 'config', why: COLUMN },
  { code: /^3105$|^1906$/, kind: 'config', why: 'A column is computed by the database and cannot be written' },
  { code: /^(1205|1213|3572)$/, kind: 'transient', why: ANOTHER },
  { code: /^(1040|1203|1226)$/, kind: 'throttle', why: TOO_MANY },
  { code: /^(1317|3024|1969)$/, kind: 'transient', why: 'The statement took too long' },
  { code: /^(1290|1836|3100)$/, kind: 'transient', why: 'The server takes no writes now' },
  { code: /^(1021|1114|1038)$/, kind: 'transient', why: 'The server lacks memory or disk' },
  { code: /^(1053|1927|2006|2013|4031)$/, kind: 'transient', why: GOING, open: true },
]

// https://learn.microsoft.com/en-us/sql/relational-databases/errors-events/database-engine-events-and-errors
const SQL_SERVER: readonly Meaning[] = [
  { code: /^(2601|2627)$/, kind: 'row', why: DUPLICATE },
  { code: /^515$/, kind: 'row', why: EMPTY },
  { code: /^547$/, kind: 'row', why: 'A foreign key or a check of the table refuses the row' },
  { code: /^(220|232|241|242|245|248|293|295|296|2628|8114|8115|8152|9803|13609)$/, kind: 'row', why: VALUE },
  { code: /^8672$/, kind: 'row', why: 'Two rows of the batch have one key for the database' },
  { code: /^(3609|50000)$/, kind: 'row', why: 'A trigger refuses the row' },
  { code: /^(18452|18456|18470|18486|18487|18488|ELOGIN)$/, kind: 'auth', why: LOGIN },
  { code: /^(229|230|262|297|300|15247)$/, kind: 'auth', why: RIGHT },
  { code: /^(911|916|4060)$/, kind: 'config', why: DATABASE },
  { code: /^208$/, kind: 'config', why: TABLE },
  { code: /^2760$/, kind: 'config', why: SCHEMA },
  { code: /^(1701|1702|1750|1919|1944|1946|2705|2716)$/, kind: 'config', why: SHAPE },
  { code: /^(102|103|156|206|257|4406|10739)$/, kind: 'config', why: SYNTAX },
  { code: /^207$/, kind: 'config', why: COLUMN },
  { code: /^(271|273|544|8102)$/, kind: 'config', why: 'A column is computed by the database and cannot be written' },
  { code: /^(1204|1205|1222|3960|41302|41305|41325|41839)$/, kind: 'transient', why: ANOTHER },
  { code: /^(10928|10929|10936|40501|49918|49919|49920)$/, kind: 'throttle', why: TOO_MANY },
  { code: /^(701|802|1105|1101|9002|40544)$/, kind: 'transient', why: 'The server lacks memory or disk' },
  { code: /^3906$|^3908$/, kind: 'transient', why: 'The server takes no writes now' },
  { code: /^(596|6005|17142|40143|40197|40540|40613|4221)$/, kind: 'transient', why: GOING, open: true },
]

const MEANINGS: Readonly<Record<DatabaseDialect, readonly Meaning[]>> = {
  postgres: POSTGRES,
  duckdb: POSTGRES,
  mysql: MYSQL,
  sqlserver: SQL_SERVER,
}

/** What a failure of the database means for who sent the batch. Kind `batch` = a row of it is at fault. */
export function failureOf(error: DatabaseError, dialect: DatabaseDialect): DestinationError {
  const { code, during, answered, about } = error
  const known = MEANINGS[dialect].find((one) => one.code.test(code)) ?? unknown(error)
  const isOpen = during === 'commit' && (!answered || known.open === true)
  const kind = known.kind === 'row' ? 'batch' : known.kind
  const said = about === '' ? code : `${code}, ${about}`
  return new DestinationError(kind, answered ? code : unansweredCode(code), `${known.why} (${said}).`, {
    applied: isOpen && (kind === 'transient' || kind === 'throttle') ? 'maybe' : 'no',
    cause: error,
  })
}

/** Did the database refuse it for want of a permission? */
export function isDenied(error: unknown, dialect: DatabaseDialect): error is DestinationError {
  if (!(error instanceof DestinationError) || !(error.cause instanceof DatabaseError)) return false
  const { code } = error
  return MEANINGS[dialect].find((one) => one.code.test(code))?.why === RIGHT
}

/** Turns what a database says into what the engine understands; other errors pass as they are. */
export async function translated<T>(dialect: DatabaseDialect, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    throw error instanceof DatabaseError ? failureOf(error, dialect) : error
  }
}

/** The receipt of a row that the database refused when it stood alone. */
export function refusedAs({ code, message }: DestinationError): Receipt {
  return { outcome: 'refused', kind: 'row', code, message }
}

/** What Node says of certificates, and mysql2 of a server without TLS or of a certificate, whatever Node said of it. */
const CERTIFICATE =
  /^(HANDSHAKE_NO_SSL|HANDSHAKE_SSL|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|CERT_|HOSTNAME_MISMATCH|INVALID_CA)/

/** The server wants a password in a way that mysql2 does not know, or does not send without TLS. */
const OTHER_LOGIN = /^(AUTH_SWITCH_PLUGIN_ERROR|MYSQL_CLEAR_PASSWORD_NOT_ENABLED)$/

function unknown({ code, answered, during }: DatabaseError): Meaning {
  const any = { code: /^/ }
  if (answered) return { ...any, kind: 'transient', why: 'The database failed', open: true }
  if (code === NO_DRIVER) return { ...any, kind: 'config', why: 'The driver of the database is not installed' }
  if (CERTIFICATE.test(code))
    return { ...any, kind: 'config', why: 'The server has no TLS, or a certificate that is not valid' }
  if (OTHER_LOGIN.test(code)) return { ...any, kind: 'auth', why: LOGIN }
  if (code === TIMEOUT) return { ...any, kind: 'transient', why: 'The database did not answer in time' }
  const why = during === 'connect' ? 'The database cannot be reached' : 'The connection to the database was lost'
  return { ...any, kind: 'transient', why }
}

/** The code of a DatabaseError where the package that speaks to the server is missing; `about` says which. */
export const NO_DRIVER = 'no_driver'

function unansweredCode(code: string): string {
  const isTold = code === TIMEOUT || code === NO_DRIVER || code === 'ELOGIN'
  return isTold || CERTIFICATE.test(code) || OTHER_LOGIN.test(code) ? code : 'network'
}
