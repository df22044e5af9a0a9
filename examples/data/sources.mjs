import { DAY, decimal, digits, HOUR, money, NOW, random, time } from './dice.mjs'
import { CATEGORIES, deviceId, dialled, JUNK_EMAILS, JUNK_PHONES, misspelt, plain, typed } from './people.mjs'

/** Rates to the euro in ten-thousandths, drifting a little from month to month. */
const CURRENCIES = {
  FR: ['EUR', 10_000],
  BE: ['EUR', 10_000],
  DE: ['EUR', 10_000],
  CH: ['CHF', 10_420],
  GB: ['GBP', 11_870],
}

const ORDERS_BY_HABIT = { none: [0, 0], once: [1, 1], regular: [2, 4], vip: [4, 9] }

const SUBJECTS = [
  'Where is my parcel?',
  'Broken on arrival',
  'Facture, s’il vous plaît',
  'Wrong colour, "blue" not green',
  'Retour',
]

export function makeContacts(people, truth) {
  const dice = random('contacts')
  const rows = people.filter((person) => person.inCrm).map((person) => contact(person, dice))
  for (const person of people.filter((p) => p.inCrm && dice.chance(9))) rows.push(contactAgain(person, dice))
  dice.shuffle(rows)
  return rows.map(({ person, ...row }, n) => {
    const contact_id = `C${digits(n + 1, 5)}`
    person.contactIds.push(contact_id)
    truth.push({ source: 'crm_contacts', key: contact_id, person: person.id })
    return { contact_id, ...row }
  })
}

function contact(person, dice) {
  const createdAt = person.joined
  const updatedAt = dice.between(createdAt, NOW - HOUR)
  return {
    person,
    first_name: dice.chance(5) ? '' : person.first,
    last_name: dice.chance(15) ? person.last.toUpperCase() : person.last,
    email: dice.chance(3) ? dice.pick(JUNK_EMAILS) : dice.chance(10) ? '' : typed(person.email, dice),
    mobile: dice.chance(3) ? dice.pick(JUNK_PHONES) : dialled(person, dice),
    country_code: dice.chance(6) ? '' : person.country,
    city: dice.chance(8) ? '' : dice.chance(10) ? person.city.toUpperCase() : person.city,
    postal_code: dice.chance(8) ? '' : person.postalCode,
    birth_date: person.birthDate,
    created_at: time(createdAt),
    updated_at: time(updatedAt),
  }
}

/** A second card of the same person: most share the phone or the address with the first, some only a name like it. */
function contactAgain(person, dice) {
  const first = contact(person, dice)
  const [, shared] = dice.weighted([
    [50, 'phone'],
    [30, 'email'],
    [20, 'name'],
  ])
  return {
    ...first,
    first_name: dice.chance(30) ? `${person.first[0]}.` : plain(person.first),
    last_name: misspelt(person.last, dice),
    email: shared === 'email' ? typed(person.email, dice) : person.otherEmail,
    mobile: shared === 'phone' ? dialled(person, dice) : '',
    birth_date: dice.chance(50) ? '' : person.birthDate,
  }
}

export function makeAccounts(people, truth) {
  const dice = random('accounts')
  const rows = people.flatMap((person) =>
    person.userIds.map((user_id, n) => {
      const createdAt = dice.between(person.joined, NOW - 2 * HOUR)
      truth.push({ source: 'shop_customers', key: user_id, person: person.id })
      return {
        user_id,
        email: dice.chance(1) ? dice.pick(JUNK_EMAILS) : typed((n > 0 && person.otherEmail) || person.email, dice),
        phone: dice.chance(40) ? '' : dialled(person, dice),
        first_name: dice.chance(20) ? plain(person.first).toLowerCase() : person.first,
        last_name: person.last,
        country: person.country,
        postal_code: person.postalCode,
        loyalty_tier: person.habit === 'vip' ? dice.pick(['gold', 'silver']) : dice.chance(30) ? 'bronze' : '',
        created_at: time(createdAt),
        updated_at: time(dice.between(createdAt, NOW - HOUR)),
      }
    }),
  )
  return rows.sort((a, b) => compare(a.user_id, b.user_id))
}

export function makeOrders(people, truth) {
  const dice = random('orders')
  const bought = people.flatMap((person) => {
    const count = dice.between(...ORDERS_BY_HABIT[person.habit])
    const until = Math.max(person.joined + DAY, person.quietSince)
    return Array.from({ length: count }, () => ({
      person,
      at: dice.between(person.joined, Math.min(until, NOW - HOUR)),
    }))
  })
  // Bought at the till: no account, no address. They count as revenue but belong to nobody.
  const walkIns = Array.from({ length: 150 }, () => ({ person: undefined, at: NOW - dice.between(HOUR, 500 * DAY) }))
  const orders = []
  const lines = []
  for (const { person, at } of [...bought, ...walkIns].sort((a, b) => a.at - b.at)) {
    const order_id = 100_001 + orders.length
    const basket = makeBasket(person, order_id, lines.length, dice)
    lines.push(...basket)
    orders.push(order(person, order_id, basket, at, dice))
    truth.push({ source: 'orders', key: order_id, person: person?.id ?? '' })
  }
  return { orders, lines }
}

function makeBasket(person, order_id, before, dice) {
  return Array.from({ length: dice.between(1, person?.habit === 'vip' ? 4 : 3) }, (_, n) => {
    const category = person && dice.chance(60) ? person.taste : dice.pick(CATEGORIES)
    const product = dice.between(1, 12)
    return {
      line_id: 500_001 + before + n,
      order_id,
      product_id: `${category}-${digits(product, 2)}`,
      category,
      quantity: dice.between(1, 3),
      unit_price: money(490 + product * 275 + (category === 'lamps' ? 2_500 : 0)),
    }
  })
}

function order(person, order_id, basket, at, dice) {
  const cents = basket.reduce((sum, line) => sum + line.quantity * Math.round(Number(line.unit_price) * 100), 0)
  const [currency, rate] = CURRENCIES[person?.country ?? 'FR']
  const signedIn = person !== undefined && person.userIds.length > 0 && dice.chance(80)
  const [, status] = dice.weighted([
    [86, 'paid'],
    [6, 'refunded'],
    [5, 'cancelled'],
    [3, 'pending'],
  ])
  // Most rows arrive with the next hourly load, some days later.
  const late = dice.chance(3) ? dice.between(2, 9) * DAY : 0
  return {
    order_id,
    user_id: signedIn ? dice.pick(person.userIds) : '',
    billing_email: person ? billingEmail(person, signedIn, dice) : '',
    phone: person && dice.chance(25) ? dialled(person, dice) : '',
    status,
    amount: money(cents),
    currency,
    fx_rate: currency === 'EUR' ? '1' : decimal(rate + (Math.trunc(at / (30 * DAY)) % 7) * 35, 4),
    channel: person ? dice.pick(['web', 'web', 'app', 'phone']) : 'till',
    ordered_at: time(at),
    loaded_at: time(Math.min(NOW - 60, at - (at % HOUR) + HOUR + late)),
  }
}

function billingEmail(person, signedIn, dice) {
  if (signedIn && dice.chance(30)) return ''
  if (dice.chance(1)) return dice.pick(JUNK_EMAILS)
  return typed(person.otherEmail && dice.chance(20) ? person.otherEmail : person.email, dice)
}

export function makeEvents(people, truth) {
  const dice = random('events')
  const visits = [
    ...people.filter(() => dice.chance(52)).flatMap((person) => personVisits(person, dice)),
    ...Array.from({ length: 2_600 }, () => ({ device: deviceId(dice), person: undefined })),
    // The shop's own tablet in Lyon: forty people have signed in on it, and many more only looked.
    ...people
      .filter((p) => p.userIds.length > 0)
      .slice(500, 540)
      .map((person) => ({ device: 'kiosk-lyon-01', person, signsIn: true })),
    ...Array.from({ length: 60 }, () => ({ device: 'kiosk-lyon-01', person: undefined })),
    // Browsers that refuse the cookie all send the same word, or nothing.
    ...Array.from({ length: 40 }, () => ({ device: dice.pick(['anonymous', '']), person: undefined })),
  ]
  const events = visits.flatMap((visit) => visitEvents(visit, dice)).sort((a, b) => a.at - b.at)
  return events.map(({ person, at, ...row }, n) => {
    const event_id = `e${digits(n + 1, 5)}`
    if (person) truth.push({ source: 'web_events', key: event_id, person: person.id })
    return { event_id, ...row, happened_at: time(at) }
  })
}

function personVisits(person, dice) {
  const [, own] = dice.weighted([
    [75, 1],
    [20, 2],
    [5, 3],
  ])
  const devices = [...person.devices, ...Array.from({ length: own }, () => deviceId(dice))]
  const visits = dice.between(1, person.habit === 'vip' ? 4 : 2)
  return devices.flatMap((device) =>
    Array.from({ length: visits }, () => ({ device, person, signsIn: person.userIds.length > 0 && dice.chance(55) })),
  )
}

/** A few pages; who signs in is named from then on, who fills the newsletter form leaves an address. */
function visitEvents({ device, person, signsIn = false }, dice) {
  const pages = dice.between(1, 4)
  let at = NOW - (dice.chance(50) ? dice.between(HOUR, 30 * DAY) : dice.between(30 * DAY, 200 * DAY))
  const category = person && dice.chance(50) ? person.taste : dice.pick(CATEGORIES)
  const path = [
    ['page_viewed', '/'],
    ['page_viewed', `/c/${category}`],
    ['product_viewed', `/p/${category}-${digits(dice.between(1, 12), 2)}`],
    ['cart_updated', '/cart'],
  ].slice(0, pages)
  if (signsIn) path.splice(Math.min(1, pages), 0, ['signed_in', '/account'])
  else if (person && dice.chance(15)) path.push(['newsletter_joined', '/newsletter'])
  if (person && pages === 4 && dice.chance(60)) path.push(['checkout_started', '/checkout'])
  if (person && dice.chance(8)) path.push(['page_viewed', '/returns'], ['page_viewed', '/returns/how-to'])
  let known = ''
  return path.map(([event, page]) => {
    if (event === 'signed_in') known = dice.pick(person.userIds)
    const email = event === 'newsletter_joined' ? typed(person.email, dice) : ''
    at += dice.between(5, 90)
    return { anonymous_id: device, user_id: known, email, event, path: page, at, person }
  })
}

export function makeTickets(people, truth) {
  const dice = random('tickets')
  const asked = people.flatMap((person) =>
    dice.chance(22) ? Array.from({ length: dice.between(1, 3) }, () => person) : [],
  )
  const rows = asked
    .map((person) => ({ person, at: dice.between(person.joined, NOW - HOUR) }))
    .sort((a, b) => a.at - b.at)
  return rows.map(({ person, at }, n) => {
    const ticket_id = `T${digits(n + 1, 4)}`
    const [, status] =
      at < NOW - 30 * DAY
        ? [1, 'solved']
        : dice.weighted([
            [40, 'open'],
            [20, 'pending'],
            [40, 'solved'],
          ])
    truth.push({ source: 'support_tickets', key: ticket_id, person: person.id })
    return {
      ticket_id,
      contact_id: person.contactIds.length > 0 && dice.chance(40) ? dice.pick(person.contactIds) : null,
      email: dice.chance(25) ? null : typed(person.email, dice),
      phone: dice.chance(60) ? null : dialled(person, dice) || null,
      subject: dice.pick(SUBJECTS),
      status,
      priority: dice.pick(['low', 'normal', 'normal', 'high']),
      satisfaction: status === 'solved' && dice.chance(50) ? dice.between(1, 5) : null,
      opened_at: time(at),
    }
  })
}

/** Consent as it was given and taken back: one row each time, in the words of three different forms. */
export function makeConsents(people, truth) {
  const dice = random('consents')
  const rows = people.flatMap((person) => {
    const given = []
    if (dice.chance(72)) given.push(['email', dice.pick(['granted', 'granted', 'yes'])])
    if (given.length > 0 && dice.chance(18)) given.push(['email', 'withdrawn'])
    if (dice.chance(15)) given.push(['sms', dice.chance(75) ? 'granted' : 'withdrawn'])
    let at = person.joined
    return given.map(([purpose, status]) => {
      at = dice.between(at, NOW - HOUR)
      return {
        person,
        at,
        email: typed(person.email, dice),
        purpose,
        status,
        origin: dice.pick(['checkout', 'newsletter', 'crm']),
      }
    })
  })
  rows.sort((a, b) => a.at - b.at)
  return rows.map(({ person, at, ...row }, n) => {
    const consent_id = n + 1
    truth.push({ source: 'consents', key: consent_id, person: person.id })
    return { consent_id, ...row, updated_at: time(at) }
  })
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0
}
