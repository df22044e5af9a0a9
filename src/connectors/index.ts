import type { Connector, Connectors } from './connector.ts'
import { file } from './file/index.ts'
import { mailchimp } from './mailchimp/index.ts'
import { salesforce } from './salesforce/index.ts'
import type { StandFor } from './sandbox/stand.ts'
import { webhook } from './webhook/index.ts'

interface Known {
  readonly connector: Connector<unknown, unknown>
  /** What stands in for the vendor in the sandbox; left out by connectors that speak to nobody. */
  readonly stand?: () => Promise<StandFor>
}

/** A new connector is a folder and a line here. */
const KNOWN: readonly Known[] = [
  { connector: file },
  { connector: mailchimp, stand: async () => (await import('./mailchimp/emulator.ts')).mailchimpStand },
  { connector: salesforce, stand: async () => (await import('./salesforce/emulator.ts')).salesforceStand },
  { connector: webhook, stand: async () => (await import('./webhook/emulator.ts')).webhookStand },
]

/** The known connectors by name. */
export function connectors(): Connectors {
  return new Map(KNOWN.map(({ connector }) => [connector.name, connector]))
}

/** What stands in for the vendor of the connector of that name; undefined where there is no vendor. */
export async function standFor(name: string): Promise<StandFor | undefined> {
  return KNOWN.find(({ connector }) => connector.name === name)?.stand?.()
}
