import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'

/** Why its tests do not run here; undefined where they do. */
export const MISSING = existsSync(join(import.meta.dirname, 'node_modules/@fivetrandevelopers/zetasql'))
  ? undefined
  : 'ZetaSQL is not installed: npm ci --prefix test/zetasql (340 MB)'

/** A message of the service's protocol, as its own definitions say. */
export type Message = { readonly [field: string]: unknown }

/** Google's analyser and reference implementation of GoogleSQL, in a process of its own. */
export interface ZetaSql {
  call(method: string, request: Message): Promise<Message>
  /** What BigQuery takes of the language, as nearly as the analyser's own features can say. */
  readonly options: Message
  close(): Promise<void>
}

/** Starts the server on a port that nobody uses. */
export async function startZetaSql(): Promise<ZetaSql> {
  const require = createRequire(join(import.meta.dirname, 'package.json'))
  const home = dirname(require.resolve('@fivetrandevelopers/zetasql'))
  const port = await freePort()
  const server = serve(home, port)
  await once(server, 'spawn')
  const call = connectTo(require, home, port)
  const language = await call('GetLanguageOptions', { maximum_features: true })
  return {
    call,
    options: { default_timezone: 'UTC', language_options: asBigQuery(language) },
    close: async () => {
      server.kill('SIGKILL')
      await once(server, 'exit')
    },
  }
}

/** Beyond these the analyser would take what BigQuery refuses. */
const NOT_IN_BIGQUERY =
  /PIPE|FILTER|GROUP_BY_(ARRAY|STRUCT)|INTERVAL_TYPE_X|ANONYM|DIFFERENTIAL|PROTO_|TABLESAMPLE_FROM|V_1_4_(LIMIT_OFFSET_EXPR)/

function asBigQuery(language: Message): Message {
  const features = (language.enabled_language_features as readonly string[]).filter((one) => !NOT_IN_BIGQUERY.test(one))
  return { ...language, enabled_language_features: features, product_mode: 'PRODUCT_EXTERNAL' }
}

function serve(home: string, port: number): ChildProcess {
  const extension = `${process.arch.startsWith('arm') ? '_arm' : ''}${process.platform === 'darwin' ? '' : '.so'}`
  const binary = join(home, 'zetasql', `remote_server${extension}`)
  chmodSync(binary, 0o755)
  return spawn(binary, ['localhost', String(port)], { stdio: 'ignore' })
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, 'localhost')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

function connectTo(require: NodeJS.Require, home: string, port: number): ZetaSql['call'] {
  const grpc = require('@grpc/grpc-js')
  const loader = require('@grpc/proto-loader')
  const definition = loader.loadSync('local_service.proto', {
    includeDirs: [join(home, 'zetasql/protos')],
    ...{ keepCase: true, longs: String, enums: String, oneofs: true },
  })
  const { zetasql } = grpc.loadPackageDefinition(definition)
  const client = new zetasql.local_service.ZetaSqlLocalService(`localhost:${port}`, grpc.credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
  })
  // The port is not open at once: the client waits for it.
  return (method, request) =>
    new Promise((resolve, reject) =>
      client[method](request, new grpc.Metadata({ waitForReady: true }), (error: Error | null, answer: Message) =>
        error ? reject(error) : resolve(answer),
      ),
    )
}
