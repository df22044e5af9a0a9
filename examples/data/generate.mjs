// Makes the data of the sample shop: seven sources and the truth about who is who. Same bytes on every machine: the
// dice are our own, time is counted from one fixed moment, and nothing asks the locale.
//
//   node examples/data/generate.mjs [folder]
//
// Names are put together from syllables, addresses end in .example, and phone numbers come from the ranges that the
// French regulator keeps for fiction (01 99 00, 02 61 91, 03 53 01, 04 65 71, 05 36 49): nobody real can be meant.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { csv } from './dice.mjs'
import { makePeople } from './people.mjs'
import { makeAccounts, makeConsents, makeContacts, makeEvents, makeOrders, makeTickets } from './sources.mjs'

generate(process.argv[2] ?? import.meta.dirname)

function generate(folder) {
  const truth = []
  const people = makePeople()
  const contacts = makeContacts(people, truth)
  const accounts = makeAccounts(people, truth)
  const { orders, lines } = makeOrders(people, truth)
  const events = makeEvents(people, truth)
  const tickets = makeTickets(people, truth)
  const consents = makeConsents(people, truth)

  mkdirSync(folder, { recursive: true })
  const save = (file, text) => writeFileSync(join(folder, file), text)
  save('crm_contacts.csv', csv(contacts))
  save('shop_customers.csv', csv(accounts))
  save('orders.csv', csv(orders))
  save('order_lines.csv', csv(lines))
  save('web_events.csv', csv(events))
  save('support_tickets.ndjson', tickets.map((ticket) => `${JSON.stringify(ticket)}\n`).join(''))
  save('consents.csv', csv(consents))
  save('truth.csv', csv(truth))
}
