/** The folder of this package. Right from `src/` and from `dist/` alike, where every bundled file lies at the top. */
export const PACKAGE = new URL('../', import.meta.url)
