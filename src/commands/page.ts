import { createHash } from 'node:crypto'
import { type Html, html, printHtml, styleSheet } from './html.ts'
import { PAGE_STYLE } from './page-style.ts'

/**
 * A page of its own: it loads nothing, runs nothing, and a browser that is told otherwise by what stands in it refuses.
 */
export function pageOf(title: string, body: Html): string {
  const style = createHash('sha256').update(PAGE_STYLE).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; form-action 'none'`
  return printHtml(html`
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
${styleSheet(PAGE_STYLE)}
</head>
<body>
<main>
${body}
</main>
</body>
</html>`)
}
