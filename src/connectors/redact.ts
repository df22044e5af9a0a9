/**
 * A vendor's text without what tells who somebody is or lets somebody in: mail addresses, long numbers, tokens. What
 * looks like a token and is none (an id of the vendor's) is lost with them.
 */
export function redacted(text: string): string {
  return RULES.reduce((shown, [pattern, name]) => shown.replace(pattern, name), text)
}

// Each begins at a character that cannot lie within a match of itself, or is bounded: none takes more than the square of
// the text, which is short.
const RULES: readonly (readonly [RegExp, string])[] = [
  // Also as it stands in an address: jane%40shop.example.
  [/[^\s@<>"(),;:]+(?:@|%40)[^\s@<>"'(),;:]+/gi, '<email>'],
  [/\beyJ[\w-]{6,}(?:\.[\w-]*){0,4}/g, '<token>'],
  [/\b(bearer|basic)\s+(?=\S*[\d=])[\w.~+/=-]{6,}/gi, '$1 <token>'],
  [/\b(api[ _-]?key|access[ _-]?token|token|secret|password)(["']?\s*[:=]\s*["']?)[^\s"'&,;}]+/gi, '$1$2<token>'],
  // Prefixes by which vendors mark their keys, so that they are found where they do not belong.
  [/\b(?:sk|pk|rk|whsec|xox[a-z]|gh[a-z]|glpat|shpat|pat|SG|AKIA|AIza|ya29)[-_.A-Z\d][\w.-]{10,}/g, '<token>'],
  [/\b(?=[a-z]*\d)(?=\d*[a-z])[a-z\d]{28,}(?:-[a-z]{2}\d+)?\b/gi, '<token>'],
  [/\+?\d[\d\s()./\u2010-\u2015-]{6,}\d/g, '<number>'],
]
