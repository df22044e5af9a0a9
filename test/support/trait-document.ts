import { FORM_ROWS, FORMS_NOW, FORMS_ZONE, type FormGroup, type TraitForm } from './trait-forms.ts'

/** The page about traits: a table of forms for each group, and the rows that the values come from. */
export function traitsDocument(groups: readonly FormGroup[]): string {
  return [
    '# Traits',
    '',
    'A trait is a column of a profile. Every form there is, with what it gives for three people. The page is made from',
    'the cases of `test/support/trait-forms.ts`, and each case is run (`npm run golden`).',
    '',
    '```yaml',
    'traits:',
    '  customer:',
    '    revenue: { from: orders, sum: amount, where: status = paid }',
    '```',
    '',
    'Counts, sums, periods and streaks of nothing are 0, `exists` of nothing is false; everything else of nothing is null.',
    'Averages, shares and percentiles are rounded to six digits. Division by zero is null. Scores have a page of their',
    'own: [scores.md](scores.md).',
    '',
    ...groups.flatMap(section),
    ...APPEND_ONLY,
    '## The rows',
    '',
    `It is ${FORMS_NOW}, and the project's timezone is ${FORMS_ZONE}, where April has begun.`,
    '',
    ...Object.entries(FORM_ROWS).flatMap(([name, rows]) => [`\`${name}\``, '', ...rowsTable(rows), '']),
  ].join('\n')
}

const APPEND_ONLY: readonly string[] = [
  '## Over sources that only grow',
  '',
  '```yaml',
  'sources:',
  '  web_events: { table: raw.events, key: id, at: happened_at, loaded_at: loaded_at, append_only: true, identifiers: { user_id: user_id } }',
  '```',
  '',
  'A build keeps what it added up of such a source for each combination of identifiers, and the next one reads new rows',
  'only: those that arrived since (less `overlap:`), and those that had not happened yet. Profiles may merge and split',
  'meanwhile; the answer is the one that reading all rows would give. All rows are read where that cannot be: after',
  '`--full-refresh`, when a trait, a block list or the type of a column changed, when rows were deleted or came later',
  'than `overlap:` allows, and when business time went back. A row that changes in its place is not seen until then.',
  '',
  'What adds up: `count`, `sum`, `avg`, `min`, `max`, `exists`, `share`, `first`, `last`, `since`, scores, `did` with',
  'these, and picks but for `most_frequent` and `concat_distinct`. Whatever has `within:` may be anything: rows of the',
  'longest such window are read again in every build. Anything else over the source (a `median` of all rows, a condition',
  'with `now` or `sql:`, a column of a parent) makes every build read all of it, and `cdp validate` warns. Sequences, and',
  'events that are bounded by traits, read the source by themselves.',
  '',
]

function section({ title, text, forms }: FormGroup): readonly string[] {
  const people = forms[0]?.entity === 'household' ? ['1 rue A', '2 rue B'] : ['Ann', 'Bob', 'Cid']
  const rows = forms.map((form) => [...told(form), ...form.values.map((value) => value ?? 'null')])
  const heads = ['Trait', 'What it gives', 'Of nulls and of nothing', ...people]
  return [`## ${title}`, '', ...(text === '' ? [] : [text, '']), ...table(heads, rows), '']
}

function told({ name, yaml, meaning, nulls }: TraitForm): readonly string[] {
  return [`\`${name}: ${yaml}\``, meaning, nulls]
}

/** Rows of a source as a table of Markdown. */
export function rowsTable(rows: readonly Readonly<Record<string, string | null>>[]): readonly string[] {
  const heads = Object.keys(rows[0] ?? {})
  return table(
    heads,
    rows.map((row) => heads.map((head) => row[head] ?? 'null')),
  )
}

/** A table of Markdown. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)]
}
