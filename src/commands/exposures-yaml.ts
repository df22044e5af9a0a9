import type { Document, YAMLMap } from 'yaml'
import type { Exposure } from '../project/dbt-exposures.ts'

/** The first line of a file that this tool writes, and may write again. */
const OURS =
  '# Written by `cdp dbt exposures`, which keeps comments and other keys: run it again when syncs have changed.'

/**
 * Exposures as dbt reads them. Of a file that was written before, comments and what it says besides (`url`, `maturity`,
 * `config`) stay, and exposures of syncs that are gone go. Undefined where the file is not ours.
 */
export async function exposuresYaml(exposures: readonly Exposure[], before?: string): Promise<string | undefined> {
  const { isMap, isSeq, parseDocument } = await import('yaml')
  if (before !== undefined && !before.startsWith(OURS)) return undefined
  const document = parseDocument(before ?? `${OURS}\n\nversion: 2\nexposures: []\n`)
  const list = document.get('exposures')
  if (document.errors.length > 0 || !isSeq(list)) return undefined
  const known = new Map(list.items.flatMap((item) => (isMap(item) ? [[String(item.get('name')), item] as const] : [])))
  list.flow = false
  list.items = exposures.map((one) => filled(document, known.get(one.name), one))
  return document.toString({ lineWidth: 120, flowCollectionPadding: true })
}

/** What we know of it, in our order where it is new and in theirs where it is not. */
function filled(document: Document, before: YAMLMap | undefined, exposure: Exposure): YAMLMap {
  const { name, label, description, type, dependsOn, owner } = exposure
  const said = { name, label, description, type, depends_on: [...dependsOn], owner }
  if (before === undefined) return document.createNode(said)
  for (const [key, value] of Object.entries(said))
    if (JSON.stringify(plain(before.get(key))) !== JSON.stringify(value)) before.set(key, document.createNode(value))
  return before
}

function plain(node: unknown): unknown {
  return typeof node === 'object' && node !== null && 'toJSON' in node && typeof node.toJSON === 'function'
    ? node.toJSON()
    : node
}
