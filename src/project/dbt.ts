import { child, type List, type Node } from './tree.ts'

/** Our form of a `sources:` list as dbt has it, or undefined where the list is no such thing. */
export function dbtList(list: List): string | undefined {
  const lines = list.items.flatMap((group) => {
    const tables = field(group, 'tables')
    if (tables?.kind !== 'list') return []
    const schema = word(group, 'schema') ?? word(group, 'name')
    return tables.items.flatMap((table) => {
      const name = word(table, 'name')
      if (name === undefined) return []
      const where = word(table, 'identifier') ?? name
      return [`  ${name}: { table: ${schema === undefined ? where : `${schema}.${where}`} }`]
    })
  })
  return lines.length === 0 ? undefined : `This is the form of dbt. Write:\nsources:\n${lines.join('\n')}`
}

function field(node: Node, key: string): Node | undefined {
  return node.kind === 'dict' ? child(node, key) : undefined
}

function word(node: Node, key: string): string | undefined {
  const value = field(node, key)
  return value?.kind === 'scalar' && !value.isNull ? value.text : undefined
}
