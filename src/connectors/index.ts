import type { Connector, Connectors } from './connector.ts'
import { file } from './file/index.ts'
import { google } from './google/index.ts'
import { hubspot } from './hubspot/index.ts'
import { mailchimp } from './mailchimp/index.ts'
import { meta } from './meta/index.ts'
import { salesforce } from './salesforce/index.ts'
import type { StandFor, TablesFor } from './sandbox/stand.ts'
import { slack } from './slack/index.ts'
import { sql } from './sql/index.ts'
import { webhook } from './webhook/index.ts'

interface Known {
  readonly connector: Connector<unknown, unknown>
  /** What stands in for the vendor in the sandbox; left out by connectors that speak to nobody. */
  readonly stand?: () => Promise<StandFor>
  /** What stands in for the database of a connector that writes tables. */
  readonly tables?: () => Promise<TablesFor>
}

/** A new connector is a folder and a line here. */
const KNOWN: readonly Known[] = [
  { connector: file },
  { connector: hubspot, stand: async () => (await import('./hubspot/emulator.ts')).hubspotStand },
  { connector: google, stand: async () => (await import('./google/emulator.ts')).googleStand },
  { connector: mailchimp, stand: async () => (await import('./mailchimp/emulator.ts')).mailchimpStand },
  { connector: meta, stand: async () => (await import('./meta/emulator.ts')).metaStand },
  { connector: salesforce, stand: async () => (await import('./salesforce/emulator.ts')).salesforceStand },
  { connector: slack, stand: async () => (await import('./slack/emulator.ts')).slackStand },
  { connector: sql, tables: async () => (await import('./sql/sandbox.ts')).tablesFor },
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

/** What stands in for the database of the connector of that name; undefined where it writes no tables. */
export async function tablesFor(name: string): Promise<TablesFor | undefined> {
  return KNOWN.find(({ connector }) => connector.name === name)?.tables?.()
}
