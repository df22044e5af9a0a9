import { readFileSync } from 'node:fs'

/** The statements that the page of the connector has an administrator run, behind these words of it; without comments. */
export function grantsOf(title: string): readonly string[] {
  const page = readFileSync(new URL('../../docs/destinations/sql.md', import.meta.url), 'utf8')
  const [, block = ''] = new RegExp(`${title}[\\s\\S]*?\`\`\`sql\\n([\\s\\S]*?)\\n\`\`\``).exec(page) ?? []
  return block
    .split('\n')
    .map((line) => line.replace(/\s*--.*$/, '').trim())
    .filter((line) => line !== '')
}

/** The same statements for a role of this name: roles belong to the whole server, which other tests use too. */
export function forRole(statement: string, role: string): string {
  return statement.replaceAll(/\b(role|to|from|authorization) (?:cdp\b|"cdp")/g, `$1 ${role}`)
}
