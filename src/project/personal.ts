import type { ValueType } from '../sql/dialect.ts'
import type { Expression } from './language.ts'
import type { Entity, Project, Trait } from './project.ts'
import { referencesIn } from './references.ts'

/**
 * Does a trait say who somebody is? True where it is declared (`pii:`), where a column or trait that it is made of is,
 * where it is made of identifiers that are emails or phones, and where its name speaks of one. When in doubt, true.
 */
export function isPersonal(project: Project, entity: Entity, name: string): boolean {
  const trait = entity.traits.get(name)
  if (trait === undefined) return false
  if (trait.pii !== undefined) return true
  return !isFigure(trait.type) && (TELLING.test(name) || madeOfPersonal(project, entity, trait))
}

// How many, whether, how much: no figure names anybody. A date may (a birthday), and so may text.
function isFigure(type: ValueType): boolean {
  return type === 'boolean' || type === 'integer' || type === 'decimal' || type === 'float'
}

const TELLING =
  /e?mail(?!ing_|able)|phone|mobile|first_?name|last_?name|full_?name|surname|address|birth|iban|passport/i

function madeOfPersonal(project: Project, entity: Entity, { definition }: Trait): boolean {
  switch (definition.kind) {
    case 'pick':
      return definition.columns.some(({ source, column }) => isPersonalColumn(project, source, column))
    case 'aggregate':
      // How many different addresses somebody has is no address.
      if (!('of' in definition.measure) || definition.measure.kind === 'count_distinct') return false
      return speaksOfPersonal(project, entity, definition.measure.of, definition.source)
    case 'members': {
      const members = project.entities.get(entity.of ?? '')
      if (!('of' in definition.measure) || definition.measure.kind === 'count_distinct' || !members) return false
      return speaksOfPersonal(project, members, definition.measure.of, undefined)
    }
    case 'expression':
      return speaksOfPersonal(project, entity, definition.expression, undefined)
    case 'sql':
      return definition.uses.some((name) => isPersonal(project, entity, name))
  }
}

function speaksOfPersonal(
  project: Project,
  entity: Entity,
  expression: Expression,
  source: string | undefined,
): boolean {
  return [...referencesIn(expression)].some(({ to }) => {
    switch (to.kind) {
      case 'column':
        return source !== undefined && isPersonalColumn(project, source, to.column)
      case 'parent':
        return isPersonalColumn(project, to.source, to.column)
      case 'trait':
        return isPersonal(project, entity, to.trait)
    }
  })
}

function isPersonalColumn(project: Project, name: string, column: string): boolean {
  const source = project.sources.get(name)
  if (source === undefined) return false
  const types = source.identifiers.filter((one) => one.column === column).map(({ type }) => type)
  const normalisers = [...project.entities.values()]
    .flatMap(({ identifiers }) => identifiers)
    .filter((type) => types.includes(type.name))
    .map(({ normalise }) => normalise)
  return source.pii.has(column) || normalisers.some((how) => how === 'email' || how === 'phone')
}
