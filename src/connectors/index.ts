import type { Connector, Connectors } from './connector.ts'
import { file } from './file.ts'
import { mailchimp } from './mailchimp.ts'
import { salesforce } from './salesforce.ts'
import { webhook } from './webhook.ts'

/** The known connectors by name. A new one is a file and a line here. */
export function connectors(): Connectors {
  const all: readonly Connector<unknown, unknown>[] = [file, mailchimp, salesforce, webhook]
  return new Map(all.map((one) => [one.name, one]))
}
