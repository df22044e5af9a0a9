import type { ValueType } from '../sql/dialect.ts'
import type { Expression } from './language.ts'
import { shownBy } from './measure.ts'
import type { Entity, IdentifierType, Project, Source, SyncRows, Trait } from './project.ts'
import { referencesIn } from './references.ts'

/**
 * Does a trait say who somebody is? True where it is declared (`pii:`), where a column or trait that it is made of is,
 * where it is made of identifiers that are emails or phones, and where its name speaks of one. When in doubt, true.
 */
export function isPersonal(project: Project, entity: Entity, name: string): boolean {
  const trait = entity.traits.get(name)
  const listed = entity.identifiers.find((type) => `all_${type.name}` === name)
  if (listed !== undefined) return listed.normalise === 'email' || listed.normalise === 'phone'
  if (trait === undefined) return false
  if (trait.pii !== undefined) return true
  return !isFigure(trait.type) && (TELLING.test(name) || madeOfPersonal(project, entity, trait))
}

/** The same of what a sync takes of its rows; what is not known there is personal. */
export function isPersonalOfRow(project: Project, { source, columns }: SyncRows, name: string): boolean {
  const { to, type } = columns.get(name) ?? {}
  if (to === undefined || type === undefined) return true
  if (to.kind === 'trait' || to.kind === 'group') {
    const entity = project.entities.get(to.entity)
    return entity === undefined || isPersonal(project, entity, to.trait)
  }
  const of = to.kind === 'column' ? source : to.source
  return isPersonalColumn(project, of, to.column) || (!isFigure(type) && TELLING.test(to.column))
}

/** Do the values of an identifier type say who somebody is? Emails, phones, and what is declared or called so. */
export function isPersonalType(project: Project, { name, normalise }: IdentifierType): boolean {
  if (normalise === 'email' || normalise === 'phone' || TELLING_TYPE.test(name)) return true
  return [...project.sources.values()].some(({ identifiers, pii }) =>
    identifiers.some(({ type, column }) => type === name && pii.has(column)),
  )
}

/** Types whose name speaks of a person's name, address or number are hidden, too: when in doubt, it is personal. */
const TELLING_TYPE = /e?mail|phone|mobile|name|address|birth|iban|passport/i

/** Does the key of a source's rows say who somebody is? */
export function isPersonalKey(project: Project, { key, identifiers, pii }: Source): boolean {
  if (key === undefined) return false
  const types = [...project.entities.values()].flatMap((entity) => entity.identifiers)
  const isPersonal = (name: string) => types.some((type) => type.name === name && isPersonalType(project, type))
  return pii.has(key) || identifiers.some(({ type, column }) => column === key && isPersonal(type))
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
    case 'aggregate': {
      const shown = shownBy(definition.measure)
      return shown !== undefined && speaksOfPersonal(project, entity, shown, definition.source)
    }
    case 'members': {
      const [members, shown] = [project.entities.get(entity.of ?? ''), shownBy(definition.measure)]
      return members !== undefined && shown !== undefined && speaksOfPersonal(project, members, shown, undefined)
    }
    // A place among others names nobody.
    case 'score':
      return false
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
      case 'group': {
        const group = project.entities.get(to.entity)
        return group !== undefined && isPersonal(project, group, to.trait)
      }
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
