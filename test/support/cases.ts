/** How many cases a property is tried on: so many, or as many times more as `CASES` says. */
export function cases(usual: number): number {
  return usual * Number(process.env.CASES ?? 1)
}
