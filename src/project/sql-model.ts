import Handlebars from 'handlebars'
import { type At, type Diagnostic, nearest, problem } from '../error.ts'
import { didYouMean } from './find.ts'
import { place } from './place.ts'
import type { Relation } from './relation.ts'
import type { Resolving } from './resolving.ts'
import { queryMistake } from './sql-query.ts'
import type { Scalar } from './tree.ts'

type SqlRelation = Extract<Relation, { kind: 'sql' }>
type Piece = SqlRelation['pieces'][number]

/** A text with places: a `.sql` file or a scalar of YAML. */
interface Template {
  readonly text: string
  at(from: number, to: number): At
}

/** The model that a source names: by the path of a `.sql` file, or the select itself. */
export function sqlModel(context: Resolving, name: string, written: Scalar): SqlRelation | undefined {
  const template = written.text.trim().endsWith('.sql') ? fileOf(context, written) : written
  if (!template) return undefined
  const pieces = piecesOf(context, name, template)
  return pieces && { kind: 'sql', pieces, at: written.at() }
}

function fileOf({ validated, problems }: Resolving, written: Scalar): Template | undefined {
  const { sqlFiles } = validated.loaded
  const path = written.text.trim().replace(/^\.\//, '')
  const file = sqlFiles.find((one) => one.path === path)
  if (file) return { text: file.text, at: (from, to) => place(file, from, to) }
  const close = nearest(
    path,
    sqlFiles.map((one) => one.path),
  )
  const message = `There is no file "${written.text}".`
  problems.push(problem('project/bad-reference', message, written.at(), close && `Did you mean "${close}"?`))
  return undefined
}

/** Text between the names of sources. Undefined where the text is no single query; then problems were added. */
function piecesOf(context: Resolving, name: string, template: Template): readonly Piece[] | undefined {
  const before = context.problems.length
  const marked = /\{%[^\n]*?%\}|\{[%#]/.exec(template.text)
  if (marked) {
    const at = template.at(marked.index, marked.index + marked[0].length)
    const fix = 'Keep it in dbt and use `dbt:`. Until this version has it, name the table that dbt makes with `table:`.'
    context.problems.push(problem('sql/syntax', 'Jinja blocks are not read.', at, fix))
    return undefined
  }
  const calls = callsOf(context, template)
  if (!calls) return undefined
  const parts = calls.map((call) => ({ ...call, piece: pieceOf(context, name, template, call) }))
  if (context.problems.length > before) return undefined
  return checked(context, template, parts)
}

/** `{{ ref('x') }}`: a helper with one text. */
interface Call {
  readonly helper: string
  readonly argument: string
  readonly from: number
  readonly to: number
}

/** dbt writes calls with parentheses, Handlebars without: the same number of characters, so that places stay. */
function rewritten(text: string): string {
  return text.replace(
    /(\{\{\s*(?:ref|source|var)\s*)\(([^(){}]*)\)(\s*\}\})/g,
    (_, open: string, inner: string, close: string) => `${open} ${inner.replaceAll(',', ' ')} ${close}`,
  )
}

function callsOf({ problems }: Resolving, template: Template): readonly Call[] | undefined {
  const text = rewritten(template.text)
  const lines = lineStarts(text)
  try {
    const calls: Call[] = []
    for (const node of Handlebars.parseWithoutProcessing(text, { srcName: 'model' }).body) {
      if (node.type === 'ContentStatement') continue
      const from = (lines[node.loc.start.line - 1] ?? 0) + node.loc.start.column
      const to = (lines[node.loc.end.line - 1] ?? 0) + node.loc.end.column
      const call = callOf(node)
      if (call) calls.push({ ...call, from, to })
      else problems.push(strange(template, from, to))
    }
    return calls
  } catch (error) {
    problems.push(problem('sql/syntax', 'The braces {{ }} cannot be read.', braces(template, error), FORMS))
    return undefined
  }
}

const FORMS = "Write {{ ref('source') }}, {{ source('source') }} or {{ var('name') }}."

function callOf(node: hbs.AST.Statement): Pick<Call, 'helper' | 'argument'> | undefined {
  if (node.type === 'CommentStatement') return { helper: 'comment', argument: '' }
  return node.type === 'MustacheStatement' ? mustache(node as hbs.AST.MustacheStatement) : undefined
}

function mustache(node: hbs.AST.MustacheStatement): Pick<Call, 'helper' | 'argument'> | undefined {
  if (node.path.type !== 'PathExpression') return undefined
  const helper = (node.path as hbs.AST.PathExpression).original
  const [argument, second] = node.params
  if (!['ref', 'source', 'var'].includes(helper) || second || argument?.type !== 'StringLiteral') return undefined
  return { helper, argument: (argument as hbs.AST.StringLiteral).value }
}

function strange(template: Template, from: number, to: number): Diagnostic {
  const words = template.text.slice(from, to)
  const isDbt = /^\{\{\s*source\s*\([^)]*,/.test(words)
  const fix = isDbt ? "Write our own name of the source alone: {{ source('orders') }}." : FORMS
  return problem('sql/syntax', `"${words.replace(/\s+/g, ' ')}" is not known here.`, template.at(from, to), fix)
}

function braces(template: Template, error: unknown): At {
  const line = Number(/line (\d+)/.exec(String(error))?.[1] ?? 1)
  const start = lineStarts(template.text)[line - 1] ?? 0
  const open = Math.max(start, template.text.indexOf('{{', start))
  return template.at(open, open + 2)
}

function lineStarts(text: string): readonly number[] {
  return [0, ...[...text.matchAll(/\n/g)].map((match) => match.index + 1)]
}

function pieceOf(context: Resolving, name: string, template: Template, call: Call): Piece | undefined {
  const { validated, problems } = context
  if (call.helper === 'comment') return ''
  const word = template.text.indexOf(call.argument, call.from)
  const at = template.at(word, word + call.argument.length)
  if (call.helper === 'var') return variable(context, call.argument, at)
  if (call.argument === name) {
    problems.push(problem('ref/cycle', `Source "${name}" reads itself.`, at))
    return undefined
  }
  if (validated.sources.names.has(call.argument)) return { source: call.argument }
  const profiles = validated.entities.names.has(call.argument) || validated.segments.names.has(call.argument)
  problems.push(
    profiles
      ? problem(
          'project/not-supported',
          `This version does not read "${call.argument}" in an SQL model: name a source.`,
          at,
        )
      : problem(
          'ref/unknown-source',
          `Source "${call.argument}" is not defined.`,
          at,
          didYouMean(call.argument, validated.sources.names),
        ),
  )
  return undefined
}

/** A variable stands in SQL as it is written, so it may not hold what could end a text or a statement. */
function variable({ validated, problems }: Resolving, name: string, at: At): string | undefined {
  const value = validated.loaded.vars.get(name)
  if (value === undefined) {
    const close = nearest(name, validated.loaded.vars.keys())
    const fix = close ? `Did you mean "${close}"?` : 'Set it under `vars:` in cdp.config.yaml, or with --vars.'
    problems.push(problem('project/unset-variable', `The variable "${name}" is not set.`, at, fix))
    return undefined
  }
  if (/^[\p{L}\p{N}_ .:,+@/-]*$/u.test(value) && !/--|\/\*/.test(value)) return value
  const message = `The variable "${name}" holds characters that could change the SQL around it.`
  problems.push(
    problem('project/bad-reference', message, at, 'Letters, digits, blanks and _ . : , + @ / - may stand in it.'),
  )
  return undefined
}

/** The pieces, once what they make together is seen to be one query. */
function checked(
  { problems }: Resolving,
  template: Template,
  parts: readonly (Call & { readonly piece: Piece | undefined })[],
): readonly Piece[] | undefined {
  const pieces: { piece: Piece; from: number; to: number }[] = []
  let done = 0
  for (const { piece, from, to } of parts) {
    pieces.push({ piece: template.text.slice(done, from), from: done, to: from })
    if (piece !== undefined) pieces.push({ piece, from, to })
    done = to
  }
  pieces.push({ piece: template.text.slice(done), from: done, to: template.text.length })
  // A source's name stands where `{{ ref(…) }}` stands, with as many characters, so that places stay.
  const query = pieces.map(({ piece, from, to }) =>
    typeof piece !== 'string' ? 'r'.repeat(to - from) : piece.slice(0, to - from).padEnd(to - from),
  )
  const { mistake, end } = queryMistake(query.join(''))
  if (!mistake) return cut(pieces, end)
  problems.push(problem(mistake.code, mistake.message, template.at(mistake.from, mistake.to)))
  return undefined
}

/** Without the semicolon and the blanks at the end, and without empty pieces. */
function cut(pieces: readonly { piece: Piece; from: number; to: number }[], end: number): readonly Piece[] {
  return pieces.flatMap(({ piece, from, to }) => {
    if (from >= end) return []
    const kept = typeof piece === 'string' && to > end ? piece.slice(0, end - from) : piece
    return kept === '' ? [] : [kept]
  })
}
