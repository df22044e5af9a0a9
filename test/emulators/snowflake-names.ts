/** DuckDB takes names that differ in case for one: those with small letters carry along which they are. */
export function kept(name: string): string {
  const small = [...name].map((letter) => (/[a-z]/.test(letter) ? '1' : '0')).join('')
  return small.includes('1') ? `${name}\u0001${small}` : name
}

/** The name as Snowflake keeps it. */
export function unkept(name: string): string {
  return name.replace(MARK, '')
}

const MARK = new RegExp(`${String.fromCharCode(1)}[01]+`, 'g')
