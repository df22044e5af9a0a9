import fc from 'fast-check'

/** Characters that break naive code: quotes, comments, blanks of all kinds, combining marks, cases, emoji, bidi. */
const PIECES = [
  ...`'"\`\\;$%_?@.,:-/*#&|<>(){}[]~^=+!aAzZ09 \t\n\r\v\f\0`,
  ...['--', '/*', '*/', "''", '$$', '$1', '$' + '{x}', '{{x}}', "e'", "'; drop table x; --", '@x.fr', 'null'],
  ...'\u0085\u00a0\u00ad\u061c\u1680\u180e\u2003\u2009\u200b\u200c\u200d\u200e\u2028\u2029\u202e\u202f\u205f\u2060\u3000\ufeff',
  ...[
    'é',
    'e\u0301',
    'É',
    'ǰ',
    'J\u030c',
    'Å',
    '\u212b',
    'A\u030a',
    'İ',
    'I\u0307',
    'ı',
    'ß',
    'ẞ',
    'ς',
    'Σ',
    'ΑΣ',
    'ﬁ',
    'K',
  ],
  ...[
    '한',
    '\u1112\u1161\u11ab',
    '日本',
    '😀',
    '👩‍👩‍👧',
    '🇫🇷',
    '\u0344',
    '\u0958',
    'Ǆ',
    'ǅ',
    '𐐀',
    '\ufffd',
    '＠',
    'ﷺ',
    '\u0301',
  ],
]

/** Hostile text, about one to twelve pieces long; well formed. */
export function hostile(): fc.Arbitrary<string> {
  // Node may know the lower case of letters that are younger than a warehouse: those are left out.
  const any = fc
    .integer({ min: 1, max: 0x2fff })
    .filter((point) => point !== 0x1c89)
    .map((point) => String.fromCodePoint(point))
  const piece = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...PIECES) }, { weight: 1, arbitrary: any })
  const nearlyPlain = fc.constantFrom('a', 'B', '7', '.', '@', ' ', '\t', '\u00a0', 'é')
  return fc
    .oneof(fc.array(piece, { maxLength: 12 }), fc.array(nearlyPlain, { maxLength: 6 }))
    .map((pieces) => pieces.join(''))
}

/** Those that it can hold: no text in Postgres has NUL; and its ICU is of 2017, when these letters had no lower case yet. */
export function hostileToPostgres(): fc.Arbitrary<string> {
  return hostile().map((value) => value.replaceAll(/[\0\u1c90-\u1cbf\u2c2f]/g, ''))
}
