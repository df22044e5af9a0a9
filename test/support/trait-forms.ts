/** A form of trait: how it is written, what it gives, and what it gives three people. */
export interface TraitForm {
  /** The trait's name in the project that holds all of them. */
  readonly name: string
  readonly entity: 'customer' | 'household'
  readonly yaml: string
  readonly meaning: string
  /** Of nulls, and of who has no rows. */
  readonly nulls: string
  /** For Ann, Bob and Cid, or for the households at 1 rue A (Ann and Bob) and 2 rue B (Cid). */
  readonly values: readonly (string | null)[]
}

export interface FormGroup {
  readonly title: string
  readonly text: string
  readonly forms: readonly TraitForm[]
}

/** The business time: in Paris it is the first of April already. */
export const FORMS_NOW = '2026-03-31T22:30:00Z'

export const FORMS_ZONE = 'Europe/Paris'

/** The rows of each source: a column a key, values by row, null for none. */
export const FORM_ROWS: Readonly<Record<string, readonly Readonly<Record<string, string | null>>[]>> = {
  contacts: [
    { id: '1', email: 'ann@x.fr', name: 'Ann', vip: 'false', address: '1 rue A', changed_at: '2026-01-10T00:00:00Z' },
    { id: '2', email: 'ann@x.fr', name: 'Anna', vip: 'true', address: '1 rue A', changed_at: '2026-02-10T00:00:00Z' },
    { id: '3', email: 'bob@x.fr', name: 'Bob', vip: null, address: '1 rue A', changed_at: '2026-01-01T00:00:00Z' },
    { id: '4', email: 'cid@x.fr', name: null, vip: null, address: '2 rue B', changed_at: '2026-01-01T00:00:00Z' },
  ],
  shop: [
    { id: '1', mail: 'ann@x.fr', name: 'Annabel', changed_at: '2025-12-01T00:00:00Z' },
    { id: '2', mail: 'ann@x.fr', name: 'Ann', changed_at: '2025-12-02T00:00:00Z' },
  ],
  orders: [
    order('o1', 'ann', '10', 'paid', '2025-12-31T23:30:00Z'),
    order('o2', 'ann', '30', 'paid', '2026-01-20T10:00:00Z'),
    order('o3', 'ann', '20', 'returned', '2026-02-10T10:00:00Z'),
    order('o4', 'ann', '40', 'paid', '2026-03-05T09:00:00Z'),
    order('o5', 'ann', null, 'open', '2026-03-31T22:10:00Z'),
    order('o6', 'ann', '100', 'paid', '2026-04-05T08:00:00Z'),
    order('o7', 'bob', '5', 'returned', '2025-11-03T10:00:00Z'),
    order('o8', 'bob', '15', null, '2026-02-20T10:00:00Z'),
  ],
  products: [
    { sku: 'tea', category: 'drinks', price: '4', brand_id: '1' },
    { sku: 'mug', category: 'dishes', price: '0', brand_id: null },
    { sku: 'oat', category: null, price: '2', brand_id: '2' },
  ],
  brands: [
    { brand_id: '1', name: 'Lune' },
    { brand_id: '2', name: 'Marée' },
  ],
  order_items: [
    { line_id: 'l1', order_id: 'o1', sku: 'tea', quantity: '2' },
    { line_id: 'l2', order_id: 'o2', sku: 'tea', quantity: '1' },
    { line_id: 'l3', order_id: 'o2', sku: 'mug', quantity: '3' },
    { line_id: 'l4', order_id: 'o3', sku: 'oat', quantity: '1' },
    { line_id: 'l5', order_id: 'o8', sku: 'gone', quantity: null },
  ],
}

function order(id: string, who: string, amount: string | null, status: string | null, at: string) {
  return { order_id: id, email: `${who}@x.fr`, amount, status, ordered_at: at }
}

/** The project's sources and entities; traits follow. */
export const FORM_SOURCES = `
sources:
  contacts:
    table: raw.contacts
    category: profile
    key: id
    updated_at: changed_at
    identifiers: { email: email, address_key: address }
    columns: { name: { type: text }, vip: { type: boolean } }
  shop:
    table: raw.shop
    category: profile
    key: id
    updated_at: changed_at
    identifiers: { email: mail }
    columns: { name: { type: text } }
  orders:
    table: raw.orders
    category: transaction
    key: order_id
    at: ordered_at
    identifiers: { email: email }
    columns: { amount: { type: decimal }, status: { type: text } }
  brands: { table: raw.brands, key: brand_id, columns: { name: { type: text } } }
  products:
    table: raw.products
    key: sku
    belongs_to: { brands: brand_id }
    columns: { category: { type: text }, price: { type: decimal } }
  order_items:
    table: raw.order_items
    category: transaction
    key: line_id
    belongs_to: { orders: order_id, products: sku }
    columns: { quantity: { type: integer }, sku: { type: text } }
entities:
  customer: { identifiers: { email: {} } }
  household: { of: customer, identifiers: { address_key: {} } }
`

/** The type of each column in `FORM_ROWS` that is no text. */
export const FORM_TYPES = {
  amount: 'decimal',
  price: 'decimal',
  quantity: 'integer',
  vip: 'boolean',
  ordered_at: 'timestamp',
  changed_at: 'timestamp',
} as const

const ZERO = 'nulls are left out; 0 without rows'
const SKIPPED = 'nulls are left out; null without a value'

const customer = (
  name: string,
  yaml: string,
  meaning: string,
  nulls: string,
  ...values: readonly (string | null)[]
): TraitForm => ({ name, entity: 'customer', yaml, meaning, nulls, values })

const household = (
  name: string,
  yaml: string,
  meaning: string,
  nulls: string,
  ...values: readonly (string | null)[]
): TraitForm => ({ name, entity: 'household', yaml, meaning, nulls, values })

const PICKED: readonly TraitForm[] = [
  customer(
    'email',
    '{ pick: email, from: [contacts, shop.mail] }',
    'the first source that has a value; of its rows the newest',
    SKIPPED,
    'ann@x.fr',
    'bob@x.fr',
    'cid@x.fr',
  ),
  customer(
    'by_priority',
    '{ pick: name, from: [shop, contacts], by: priority }',
    'the same, said in full',
    SKIPPED,
    'Ann',
    'Bob',
    null,
  ),
  customer(
    'most_recent',
    '{ pick: name, from: [contacts, shop], by: most_recent }',
    'the value of the newest row',
    SKIPPED,
    'Anna',
    'Bob',
    null,
  ),
  customer(
    'earliest',
    '{ pick: name, from: [contacts, shop], by: first }',
    'the value of the oldest row',
    SKIPPED,
    'Annabel',
    'Bob',
    null,
  ),
  customer(
    'commonest',
    '{ pick: name, from: [contacts, shop], by: most_frequent }',
    'the value that most rows have',
    SKIPPED,
    'Ann',
    'Bob',
    null,
  ),
  customer(
    'longest',
    '{ pick: name, from: [contacts, shop], by: longest }',
    'the value of most characters',
    SKIPPED,
    'Annabel',
    'Bob',
    null,
  ),
  customer(
    'smallest',
    '{ pick: name, from: [contacts, shop], by: min }',
    'the smallest value; `max`: the greatest',
    SKIPPED,
    'Ann',
    'Bob',
    null,
  ),
  customer(
    'any_true',
    '{ pick: vip, from: contacts, by: any_true }',
    'true where any value is true, else false where any is false',
    SKIPPED,
    'true',
    null,
    null,
  ),
  customer(
    'all_names',
    '{ pick: name, from: [contacts, shop], by: concat_distinct }',
    'every different value as one text',
    SKIPPED,
    'Ann, Anna, Annabel',
    'Bob',
    null,
  ),
  customer(
    'traced',
    '{ pick: name, from: [shop, contacts], source: true }',
    'with `<trait>__source`: the source that the value came from',
    SKIPPED,
    'Ann',
    'Bob',
    null,
  ),
]

const MEASURED: readonly TraitForm[] = [
  customer('order_count', '{ from: orders, count: rows }', 'how many rows', '0 without rows', '6', '2', '0'),
  customer('statuses', '{ from: orders, count_distinct: status }', 'how many different values', ZERO, '3', '1', '0'),
  customer(
    'revenue',
    '{ from: orders, sum: amount, where: status = paid }',
    'the sum of the rows on which the condition is true',
    ZERO,
    '180',
    '0',
    '0',
  ),
  customer('mean', '{ from: orders, avg: amount }', 'the average, to six digits', SKIPPED, '40', '10', null),
  customer('least', '{ from: orders, min: amount }', 'the smallest value', SKIPPED, '10', '5', null),
  customer(
    'newest_order',
    '{ from: orders, max: ordered_at }',
    'the greatest value',
    SKIPPED,
    '2026-04-05T08:00:00Z',
    '2026-02-20T10:00:00Z',
    null,
  ),
  customer(
    'median_amount',
    '{ from: orders, median: amount }',
    'the value in the middle; between two of them their average',
    SKIPPED,
    '30',
    '10',
    null,
  ),
  customer(
    'p90',
    '{ from: orders, percentile: { of: amount, p: 0.9 } }',
    'the value below which so great a share lies; between two values there is a straight line',
    SKIPPED,
    '76',
    '14',
    null,
  ),
  customer(
    'return_rate',
    '{ from: orders, share: status = returned, within: 90 days }',
    'the share of the rows on which the condition is true, 0 to 1, to six digits',
    'a row on which it is null counts as one on which it is not true; null without rows',
    '0.2',
    '0',
    null,
  ),
  customer(
    'usual',
    '{ from: orders, most_frequent: status }',
    'the value that occurs most; of equals the smallest',
    SKIPPED,
    'paid',
    'returned',
    null,
  ),
  customer(
    'refunded',
    '{ from: orders, exists: true, where: status = returned }',
    'whether there is any row',
    'false without rows',
    'true',
    'true',
    'false',
  ),
  customer(
    'recent',
    '{ from: orders, count: rows, within: 30 days }',
    'only rows of the last 30 days, none after now',
    '0 without rows',
    '2',
    '0',
    '0',
  ),
  customer(
    'skus',
    '{ from: order_items, collect: sku, limit: 2 }',
    'the different values as a list of texts, sorted as text, at most so many (default 100, at most 1000); `contains` asks it',
    SKIPPED,
    '["mug","oat"]',
    '["gone"]',
    null,
  ),
]

const ENDS: readonly TraitForm[] = [
  customer(
    'opening',
    '{ from: orders, first: status }',
    'the value of the earliest row that has one',
    SKIPPED,
    'paid',
    'returned',
    null,
  ),
  customer(
    'closing',
    '{ from: orders, last: amount }',
    'the value of the latest row that has one; of equal times that of the greater key',
    SKIPPED,
    '100',
    '15',
    null,
  ),
  customer(
    'dearest',
    '{ from: orders, first: status, by: amount desc }',
    'the value of the first row in an order of your own; of equals the earlier row',
    'rows on which the order is null do not count',
    'paid',
    'returned',
    null,
  ),
  customer(
    'greatest',
    '{ from: orders, last: order_id, by: "amount / 2" }',
    'the value of the last row in that order: of the greatest; of equals the later row',
    'rows on which the order is null do not count',
    'o6',
    'o8',
    null,
  ),
  customer(
    'quiet_days',
    '{ from: orders, since: last }',
    'whole units (`unit: hours`, `days`, `weeks`, `months`; default days) since the latest row',
    'rows after now do not count; null without rows',
    '0',
    '39',
    null,
  ),
  customer(
    'quiet_hours',
    '{ from: orders, since: last, unit: hours, where: status = paid }',
    'the same in hours, over some of the rows',
    'rows after now do not count; null without rows',
    '637',
    null,
    null,
  ),
  customer(
    'known_weeks',
    '{ from: orders, since: first, unit: weeks }',
    'the same since the earliest row',
    'rows after now do not count; null without rows',
    '12',
    '21',
    null,
  ),
  customer(
    'known_months',
    '{ from: orders, since: first, unit: months }',
    'a month has passed when `1 month ago` is not before the row',
    'rows after now do not count; null without rows',
    '2',
    '4',
    null,
  ),
]

const PERIODS: readonly TraitForm[] = [
  customer(
    'active_months',
    '{ from: orders, periods: month }',
    'in how many different months there is a row',
    'rows without a time do not count; 0 without rows',
    '4',
    '2',
    '0',
  ),
  customer(
    'streak',
    '{ from: orders, streak: month }',
    'how many months in a row have one, up to the current or the last full month',
    '0 where the run has ended and without rows; rows after now do not count',
    '4',
    '0',
    '0',
  ),
  customer(
    'paid_streak',
    '{ from: orders, streak: month, where: status = paid }',
    'the same, over some of the rows',
    '0 where the run has ended and without rows; rows after now do not count',
    '1',
    '0',
    '0',
  ),
  customer(
    'longest_streak',
    '{ from: orders, longest_streak: month, where: amount > 0 }',
    'the most months in a row that ever had one',
    '0 without rows; rows after now do not count',
    '3',
    '1',
    '0',
  ),
  customer(
    'days_in_a_row',
    '{ from: orders, longest_streak: day }',
    'the same in days; `day`, `week`, `month`, `quarter` and `year` are those of the calendar',
    '0 without rows; rows after now do not count',
    '1',
    '1',
    '0',
  ),
  customer(
    'best_month',
    '{ from: orders, sum: amount, per: month, take: max }',
    'the measure (`count`, `count_distinct`, `sum`, `avg`, `min` or `max`) of each month that has rows, then the greatest of these',
    'a month without rows is none; null without rows',
    '100',
    '15',
    null,
  ),
  customer(
    'worst_month',
    '{ from: orders, count: rows, per: month, take: min }',
    'the smallest',
    'a month without rows is none; null without rows',
    '1',
    '1',
    null,
  ),
  customer(
    'usual_month',
    '{ from: orders, sum: amount, per: month, take: avg, where: status = paid }',
    'the average, to six digits',
    'a month without rows that count is none; null without any',
    '60',
    null,
    null,
  ),
  customer(
    'middle_month',
    '{ from: orders, max: amount, per: month, take: median }',
    'the value in the middle',
    'a month without a value is left out; null without any',
    '35',
    '10',
    null,
  ),
  customer(
    'last_quarter',
    '{ from: orders, sum: amount, per: quarter, take: last }',
    'that of the newest quarter that has rows',
    'null without rows',
    '100',
    '15',
    null,
  ),
]

const RELATED: readonly TraitForm[] = [
  customer(
    'pieces',
    '{ from: order_items, sum: quantity }',
    'rows that belong to rows of the person (`belongs_to`)',
    ZERO,
    '7',
    '0',
    '0',
  ),
  customer(
    'top_category',
    '{ from: order_items, most_frequent: products.category }',
    'columns of a source that the row belongs to',
    'a row that belongs to nothing there has nulls',
    'drinks',
    null,
    null,
  ),
  customer(
    'drinks_share',
    '{ from: order_items, share: "products.category = drinks and orders.status = paid" }',
    'columns of several',
    'a row that belongs to nothing there has nulls',
    '0.5',
    '0',
    null,
  ),
  customer(
    'item_value',
    '{ from: order_items, sum: "quantity * products.price", where: orders.amount >= 10 }',
    'in expressions and conditions',
    ZERO,
    '14',
    '0',
    '0',
  ),
  customer(
    'dearest_kind',
    '{ from: order_items, first: products.category, by: products.price desc }',
    'and in an order',
    'rows on which the order is null do not count',
    'drinks',
    null,
    null,
  ),
  customer(
    'top_brand',
    '{ from: order_items, most_frequent: products.brands.name }',
    'columns of what that belongs to, and so on',
    'a row that belongs to nothing there has nulls',
    'Lune',
    null,
    null,
  ),
  customer(
    'brands',
    '{ from: order_items, collect: products.brands.name, where: products.brands.name != Lune }',
    'any measure and condition takes them',
    SKIPPED,
    '["Marée"]',
    null,
    null,
  ),
  customer(
    'ratio',
    '{ from: order_items, sum: "quantity / products.price" }',
    'division by zero is null, and so is left out of the sum',
    ZERO,
    '1.25',
    '0',
    '0',
  ),
]

const DERIVED: readonly TraitForm[] = [
  customer(
    'basket',
    '{ expr: "revenue / order_count" }',
    'an expression over other traits; the order in which they stand does not matter',
    'null where a part is null; division by zero is null',
    '30',
    '0',
    null,
  ),
  customer(
    'tier',
    '{ bucket: revenue, steps: { bronze: 0, silver: 100, gold: 1000 } }',
    'the name of the step in which a number lies: from its beginning up to the next',
    'null is in no step, nor is what lies below the first',
    'silver',
    'bronze',
    'bronze',
  ),
  customer(
    'freshness',
    '{ bucket: newest_order, steps: { cold: 2020-01-01, warm: 60 days ago, hot: 10 days ago } }',
    'the same of a time',
    'null is in no step, nor is what lies before the first',
    'hot',
    'warm',
    null,
  ),
  customer(
    'raw',
    '{ sql: "revenue + 1" }',
    "one expression of the warehouse's own SQL over other traits",
    'as the warehouse does',
    '181',
    '1',
    '1',
  ),
]

const MEMBERS: readonly TraitForm[] = [
  household('size', '{ from: customer, count: rows }', 'how many members', '0 without members', '2', '1'),
  household('spent', '{ from: customer, sum: revenue }', 'any measure over their traits', ZERO, '180', '0'),
  household('middle', '{ from: customer, median: mean }', 'median, percentile', SKIPPED, '25', null),
  household(
    'buyers',
    '{ from: customer, share: order_count > 0 }',
    'the share of the members of whom it is true',
    'null without members',
    '1',
    '0',
  ),
  household(
    'biggest',
    '{ from: customer, first: email, by: revenue desc }',
    'of the member who is first in an order; without `by:` of who was seen first',
    'members on whom the order is null do not count',
    'ann@x.fr',
    'cid@x.fr',
  ),
  household(
    'tiers',
    '{ from: customer, collect: tier }',
    'a list of their values',
    SKIPPED,
    '["bronze","silver"]',
    '["bronze"]',
  ),
]

/** Every form, in the order of the document. */
export const TRAIT_FORMS: readonly FormGroup[] = [
  {
    title: 'Picked from columns',
    text: '`from:` names sources in the order in which they are asked; `orders.billing_email` names a column of its own. Identifiers that are blocked are as null. Of equals, the source named first wins, then the newest row, then the greater key.',
    forms: PICKED,
  },
  {
    title: 'Measured over the rows of a source',
    text: '`where:` and `within:` say which rows count; rows after now do, unless `within:` is given or the form says otherwise. All traits over one source are computed in one scan of it.',
    forms: MEASURED,
  },
  { title: 'First, last, and how long ago', text: '', forms: ENDS },
  {
    title: 'By calendar period',
    text: 'Periods are those of the calendar in `defaults.timezone`; weeks begin on Monday. The source needs `at:`. The rows that were read are grouped once more for each length of period, whatever the number of traits.',
    forms: PERIODS,
  },
  {
    title: 'Over related sources',
    text: 'A source without identifiers takes its people from the first source that it belongs to and that has some.',
    forms: RELATED,
  },
  { title: 'Computed from other traits', text: '', forms: DERIVED },
  {
    title: 'Over the members of a group',
    text: 'With `of:`, `from:` names the entity whose profiles are the members. `within:`, `since:`, `periods:`, `streak:` and `per:` need rows that happened, and are refused here.',
    forms: MEMBERS,
  },
]
