// npm links a package's own bin for its users, never inside the package itself. The README says `npx cdp` right after
// `npm ci` in a clone, so the link that npm would make in a user's project is made here.
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'

const folder = new URL('../node_modules/.bin/', import.meta.url)
mkdirSync(folder, { recursive: true })
if (process.platform === 'win32') {
  writeFileSync(new URL('cdp.cmd', folder), '@node "%~dp0\\..\\..\\bin\\cdp.js" %*\r\n')
} else {
  const link = new URL('cdp', folder)
  rmSync(link, { force: true })
  symlinkSync('../../bin/cdp.js', link)
}
