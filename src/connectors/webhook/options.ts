import { z } from 'zod'
import { secret } from '../../secret.ts'

// The user's own words, in the order in which a request is made and its answer read.

const auth = z.union([
  z.strictObject({
    type: z.literal('basic'),
    username: z.string().min(1).meta({ description: 'Name, or whatever the receiver wants before the colon.' }),
    password: secret('Password, or whatever comes after the colon.'),
  }),
  z.strictObject({ type: z.literal('bearer'), token: secret('Goes as "Authorization: Bearer …".') }),
  z.strictObject({
    type: z.literal('api_key'),
    name: z.string().min(1).meta({ description: 'Name of the header or of the parameter.' }),
    value: secret('The key.'),
    in: z.enum(['header', 'query']).default('header').meta({ description: 'Where it goes.' }),
  }),
  z.strictObject({
    type: z.literal('oauth'),
    token_url: z.string().min(1).meta({ description: 'Address that gives tokens for client credentials.' }),
    client_id: z.string().min(1).meta({ description: 'Client id.' }),
    client_secret: secret('Client secret.'),
    scope: z.string().min(1).optional().meta({ description: 'Scopes, separated by blanks.' }),
    audience: z.string().min(1).optional().meta({ description: 'For servers that ask whom the token is for.' }),
    credentials: z
      .enum(['body', 'header'])
      .default('body')
      .meta({ description: 'Do id and secret go in the body, or as basic authentication?' }),
  }),
])

const signature = z
  .strictObject({
    header: z.string().min(1).default('X-Signature').meta({ description: 'Header that carries it.' }),
    algorithm: z.enum(['sha256', 'sha512', 'sha1']).default('sha256').meta({ description: 'Hash of the HMAC.' }),
    encoding: z.enum(['hex', 'base64']).default('hex').meta({ description: 'How the hash is written.' }),
    signs: z.string().min(1).default('{{time}}.{{body}}').meta({
      description: 'What is signed, of time (Unix seconds), body, method and path.',
    }),
    form: z.string().min(1).default('t={{time}},v1={{signature}}').meta({
      description: 'What the header says, of time and signature.',
    }),
  })
  .refine(
    ({ signs, form }) => !/\{\{\s*time\b/.test(signs) || /\{\{\s*time\b/.test(form),
    'signs the time, so "form" must tell it',
  )

const METHODS = ['POST', 'PUT', 'PATCH', 'DELETE'] as const

const status = z.union([
  z.number().int().min(200).max(599),
  z.string().regex(/^[245]xx$/, 'must be a status such as 409 or a class such as 5xx'),
])

const statuses = z.array(status).optional()

const url = z.string().min(1)
const body = z.string().optional()
const batch = z.number().int().min(1).max(10_000)

const act = z
  .strictObject({
    url: url.optional().meta({ description: 'Address, at the same host; may name the row.' }),
    method: z.enum(METHODS).optional().meta({ description: 'Method.' }),
    body: body.meta({ description: 'Template of the body; a DELETE has none unless it is given here.' }),
    batch: batch.optional().meta({ description: 'Changes in one request, at most.' }),
    ok_on: statuses.meta({ description: 'Statuses other than 2xx that mean done, such as 404 for a removal.' }),
  })
  .optional()

const values = z.array(z.union([z.string(), z.number(), z.boolean()]))

const paths = z.union([z.string(), z.array(z.string())])

const response = z
  .strictObject({
    results: z.string().optional().meta({ description: 'Where the list of results is: one for each row.' }),
    errors: paths.optional().meta({
      description: 'Where the rows that were refused are listed, instead of "results"; all others are written.',
    }),
    key: z.string().optional().meta({ description: 'In an item: the key of its row; "" where the item is the key.' }),
    index: z.string().optional().meta({ description: 'In an item: the place of its row in the request, from 0.' }),
    status: z.string().optional().meta({ description: 'In an item, or in the answer where it has no list.' }),
    ok: values.default(['ok', 'success', true]).meta({ description: 'Values of "status" that mean written.' }),
    again: values.default(['again']).meta({ description: 'Values of "status" that mean: send the row again.' }),
    refused: values.optional().meta({
      description: 'Values of "status" that mean refused; others then leave it open. Default: all others.',
    }),
    code: z.string().optional().meta({ description: 'In an item: why, in short.' }),
    message: z.string().optional().meta({ description: 'In an item, or in an answer other than 2xx: why, in words.' }),
    id: z.string().optional().meta({ description: "In an item: the receiver's own id, later {{id}}." }),
  })
  .refine((one) => one.results === undefined || one.errors === undefined, 'takes either "results" or "errors"')

const limits = z.strictObject({
  calls: z
    .number()
    .int()
    .positive()
    .default(10_000)
    .meta({ description: 'Requests that start in that time, at most.' }),
  seconds: z.number().positive().default(1).meta({ description: 'That time.' }),
  at_once: z.number().int().positive().default(8).meta({ description: 'Requests under way, at most.' }),
  kib: z.number().int().positive().default(1024).meta({ description: 'Size of a body, at most.' }),
  per_day: z.number().int().positive().optional().meta({ description: 'Requests of a day, for the guard max_calls.' }),
})

export const account = z
  .strictObject({
    url: url.meta({
      description: 'Address that takes the changes, beginning with https://. May name the row: /people/{{key}}.',
    }),
    method: z.enum(METHODS).default('POST').meta({ description: 'Method of every request.' }),
    auth: auth.optional().meta({ description: 'Who we are: basic, bearer, api_key or oauth (client credentials).' }),
    secret: secret('Key of the HMAC that signs every request.').optional(),
    signature: signature.optional().meta({ description: 'How requests are signed; default: X-Signature, SHA-256.' }),
    headers: z
      .record(z.string(), z.string())
      .optional()
      .meta({ description: 'Further headers; credentials as references to the environment.' }),
    body: body.meta({ description: 'Handlebars template of the body; sees sync and changes.' }),
    batch: batch.default(100).meta({ description: 'Changes in one request, at most.' }),
    create: act.meta({ description: 'What is different for rows that are new.' }),
    update: act.meta({ description: 'What is different for rows that were acknowledged before.' }),
    remove: act.meta({ description: 'What is different for rows that leave.' }),
    ok_on: statuses.meta({ description: 'Statuses other than 2xx that mean done.' }),
    retry_on: statuses.meta({ description: 'Statuses that mean: later; besides 408, 425, 429 and 5xx.' }),
    refuse_on: statuses.meta({ description: 'Statuses that refuse the rows; besides 400, 409, 413, 422.' }),
    response: response.optional().meta({ description: 'Where the answer tells what became of each row.' }),
    check: z
      .strictObject({ url: url.meta({ description: 'Address, at the same host, that a GET reads.' }) })
      .optional()
      .meta({ description: 'What is asked to find out whether the credentials are good.' }),
    limits: limits.optional().meta({ description: 'What the receiver bears.' }),
  })
  .refine((one) => one.signature === undefined || one.secret !== undefined, '"signature" needs "secret"')

export type Account = z.infer<typeof account>
export type Auth = NonNullable<Account['auth']>
export type Act = NonNullable<Account['create']>
export type Mapping = NonNullable<Account['response']>
export type Statuses = readonly z.infer<typeof status>[]
