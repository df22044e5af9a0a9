import {
  CONDITION_FORMS,
  CONDITION_ROWS,
  CONDITIONS_NOW,
  CONDITIONS_ZONE,
  type ConditionForm,
  type ConditionGroup,
} from './condition-forms.ts'
import { rowsTable, table } from './trait-document.ts'

/** The page about conditions: a table of forms for each group, and the rows on which they are tried. */
export function conditionsDocument(): string {
  return [
    '# Conditions',
    '',
    'What may stand behind `where:` in segments, syncs, traits and `did`. Every form there is, with what it is for four',
    'people. The page is made from the cases of `test/support/condition-forms.ts`, and each case is run (`npm run golden`).',
    '',
    '```yaml',
    'segments:',
    '  lapsed_vips:',
    '    where:',
    '      - value >= 500 and country in [FR, BE, CH]',
    '      - last_order_at < 90 days ago',
    '      - did: visits',
    "        where: path like '/returns%'",
    '        within: 30 days',
    '```',
    '',
    'Left of an operator stands a name or an expression; right of it a bare word is text, and a dotted name that begins',
    'with the entity (`customer.zip`), the source or a group is a name. What is true, false or null is the logic of SQL:',
    'a comparison with null is null, and a person on whom a condition is null is no member. `did`, `did_not`, `member_of`',
    'and `was_member_of` are never null. In a trait, a `did` or a sync of rows the same operators speak of columns.',
    '',
    ...CONDITION_FORMS.flatMap(section),
    '## The rows',
    '',
    `It is ${CONDITIONS_NOW}, and the project's timezone is ${CONDITIONS_ZONE}, where April has begun.`,
    '',
    ...Object.entries(CONDITION_ROWS).flatMap(([name, rows]) => [`\`${name}\``, '', ...rowsTable(rows), '']),
  ].join('\n')
}

function section({ title, text, forms }: ConditionGroup): readonly string[] {
  const heads = ['Condition', 'True where', 'Of nulls and of nothing', 'Ann', 'Bob', 'Cid', 'Dee']
  return [`## ${title}`, '', ...(text === '' ? [] : [text, '']), ...table(heads, forms.map(told)), '']
}

function told({ where, meaning, nulls, answers }: ConditionForm): readonly string[] {
  return [`\`${where}\``, meaning, nulls, ...truths(answers).map(String)]
}

/** `tfn` as true, false and null. */
export function truths(answers: string): readonly (boolean | null)[] {
  return [...answers].map((answer) => (answer === 'n' ? null : answer === 't'))
}
