import { existsSync, readdirSync } from 'node:fs'
import { resolve } from 'node:path'

/** Whether a path, which may be a pattern (`*`, `**`, `?`, `[…]`, `{a,b}`), finds a file. Addresses of other machines are taken as found. */
export function fileExists(directory: string, path: string): boolean {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path)) return true
  const parts = resolve(directory, path).split(/[\\/]/)
  const first = parts.findIndex((part) => /[*?[{]/.test(part))
  if (first === -1) return existsSync(parts.join('/'))
  const below = parts.slice(first)
  const root = parts.slice(0, first).join('/') || '/'
  const pattern = new RegExp(`^${below.map(expression).join('/').replaceAll('(?:.*)/', '(?:.*/)?')}$`)
  try {
    const files = readdirSync(root, { recursive: below.length > 1, encoding: 'utf8' })
    return files.some((file) => pattern.test(file.split('\\').join('/')))
  } catch {
    return false
  }
}

/** One part of a pattern as a regular expression. */
function expression(part: string): string {
  if (part === '**') return '(?:.*)'
  return part
    .replace(/[.+^$()|\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]')
    .replace(/\{([^}]*)\}/g, (_, options: string) => `(?:${options.split(',').join('|')})`)
    .replaceAll('[!', '[^')
}
