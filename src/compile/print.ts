import { comment, print, type Quoting, type Sql, type Statement, sql } from '../sql/sql.ts'
import type { Contraction, Model, Step, TestScan, When } from './model.ts'

/** A group of statements that is printed as one readable file. */
export interface Script {
  /** Path below the compiled folder, without ending. */
  readonly name: string
  readonly title: string
  readonly parts: readonly Part[]
}

/** Statements in order, with a note above them where they do not simply run once. */
export interface Part {
  readonly note?: string
  readonly statements: readonly Statement[]
}

/** The text of a file: every statement with its name and reason, tokens as `b0`, `f0`, `r1`, parameters as `$name`. */
export function printScript(script: Script, quoting: Quoting): string {
  const parts = script.parts.map((part) => {
    const statements = part.statements.map((statement) => `${printStatement(statement, quoting)};\n`)
    return [...(part.note === undefined ? [] : [`-- == ${part.note} ==\n`]), ...statements].join('\n')
  })
  return [`-- ${script.title}\n`, ...parts].join('\n')
}

/** One statement as it is printed, without the closing semicolon: `compile` and tests compare this text. */
export function printStatement(statement: Statement, quoting: Quoting): string {
  return print(withReason(statement), quoting)
}

/** A model as a script; the rounds of an identity graph are printed once. */
export function scriptOf(model: Model): Script {
  const parts = model.steps.flatMap(partsOf)
  const summary = model.summary === undefined ? [] : [{ note: 'for the report', statements: [model.summary] }]
  return { name: model.name, title: `${model.kind}: ${model.name}`, parts: [...parts, ...summary] }
}

const WHEN = {
  whole: 'in a build that solves the whole graph',
  changes: 'in a build that solves what changed',
} as const

function whenRun(when: When): string {
  if (typeof when === 'string') return WHEN[when]
  return when.isNull
    ? `where all rows are read: $${when.parameter} is null`
    : `where only new rows are read: $${when.parameter} is known`
}

function withReason(statement: Statement): Sql {
  return sql`
    ${comment(`${statement.name}: ${statement.reason}`)}
    ${statement.sql}`
}

function partsOf(step: Step): readonly Part[] {
  switch (step.kind) {
    case 'statement':
      return [{ ...(step.when && { note: whenRun(step.when) }), statements: [step.statement] }]
    case 'survey':
      return [{ note: 'how much of it must be read and solved', statements: [step.survey.marks, step.survey.decide] }]
    case 'recall':
      return [{ note: 'whether what was added up before is of use', statements: [step.recall.decide] }]
    case 'judge':
      return [
        {
          note: 'the tool tries the edges of suspects one by one and fills these tables',
          statements: step.judgement.create,
        },
      ]
    case 'phones':
      return [
        { note: 'new phones are parsed by the tool and kept in the lookup table', statements: [step.phones.collect] },
      ]
    case 'contract':
      return contractionParts(step.contraction)
    case 'tests':
      return testParts(step.scans)
  }
}

function testParts(scans: readonly TestScan[]): readonly Part[] {
  const examples = scans.flatMap(({ tests }) => tests.flatMap((one) => one.examples ?? []))
  return [
    { statements: scans.map(({ statement }) => statement) },
    ...(examples.length === 0 ? [] : [{ note: 'for tests that fail', statements: examples }]),
  ]
}

function contractionParts(rounds: Contraction): readonly Part[] {
  return [
    { note: WHEN.whole, statements: [rounds.edges.whole] },
    { note: WHEN.changes, statements: [rounds.edges.changes] },
    { note: 'repeated until no edge is left', statements: [rounds.hook, rounds.rename] },
    {
      note: 'repeated in a round that did not halve the vertices',
      statements: [rounds.settled, rounds.jump, ...rounds.keep],
    },
    { note: 'where there was no edge at all', statements: [rounds.none] },
    { note: 'after the last round', statements: [rounds.last] },
    { note: 'repeated from the round before the last back to the first', statements: [rounds.compose] },
    { note: 'what the rounds left', statements: [rounds.dropEdges, rounds.dropNames, rounds.dropComposed] },
  ]
}
