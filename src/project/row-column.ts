import type { Target } from './language.ts'

/** What a column or trait is called where the rows of a sync are kept: `amount`, `products__brand`, `customer__email`. */
export function rowColumn(to: Target): string {
  switch (to.kind) {
    case 'column':
      return to.column
    case 'parent':
      return [...(to.through ?? []), to.source, to.column].join('__')
    case 'trait':
    case 'group':
      return `${to.entity}__${to.trait}`
  }
}
