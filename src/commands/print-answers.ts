import type { Answers, SegmentFact, TraitFact } from '../catalog/explain-answers.ts'
import { type Paper, table, visible, wrap } from './layout.ts'
import { printDecided, told } from './print-decided.ts'
import { section } from './print-run.ts'

/** The traits of a person, and the segments with the lines that decided. */
export function printAnswers({ traits, segments, unbuilt }: Answers, page: Paper): readonly string[] {
  return [
    ...section('Traits', traitLines(traits, page), page),
    ...section(
      'Segments',
      segments.flatMap((one) => segmentLines(one, page)),
      page,
    ),
    ...section('Not in the published build', unbuilt.length === 0 ? [] : unbuiltLines(unbuilt, page), page),
  ]
}

function traitLines(traits: readonly TraitFact[], page: Paper): readonly string[] {
  const filled = traits.filter(({ value }) => value !== null)
  const empty = traits.filter(({ value }) => value === null).map(({ name }) => visible(name))
  const columns = [
    { title: '', value: ({ name }: TraitFact) => visible(name) },
    { title: '', value: ({ value }: TraitFact) => visible(told(value)) },
  ]
  return [
    ...(filled.length === 0 ? [] : table(columns, filled, page)),
    ...(empty.length === 0 ? [] : wrap(`without a value: ${empty.join(', ')}`, page.width, '  ', '    ')),
  ]
}

function segmentLines({ name, member, variant, decided }: SegmentFact, page: Paper): readonly string[] {
  const held = variant === 'held_out' ? ', held out' : ''
  const is = member
    ? page.paint('green', `in${variant === null ? '' : `, variant ${visible(variant)}`}`)
    : `not in${held}`
  return [`  ${visible(name)}: ${is}`, ...decided.flatMap((line) => printDecided(line, page, '    '))]
}

function unbuiltLines(names: readonly string[], page: Paper): readonly string[] {
  return wrap(`${names.map(visible).join(', ')}: "cdp run" builds them.`, page.width, '  ', '    ')
}
