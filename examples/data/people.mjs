import { DAY, day, digits, HOUR, NOW, random } from './dice.mjs'

const PEOPLE = 5_000

/** [weight, country, city, postal code]: some with leading zeros, some with accents and apostrophes. */
const PLACES = [
  [20, 'FR', 'Paris', '75011'],
  [11, 'FR', 'Lyon', '69003'],
  [8, 'FR', 'Marseille', '13006'],
  [7, 'FR', 'Lille', '59000'],
  [7, 'FR', 'Nantes', '44000'],
  [6, 'FR', 'Nice', '06000'],
  [4, 'FR', 'Bourg-en-Bresse', '01000'],
  [4, 'FR', 'Saint-Étienne', '42000'],
  [3, 'FR', "L'Haÿ-les-Roses", '94240'],
  [7, 'BE', 'Bruxelles', '1000'],
  [4, 'BE', 'Liège', '4000'],
  [5, 'CH', 'Genève', '1204'],
  [4, 'CH', 'Lausanne', '1003'],
  [4, 'DE', 'Köln', '50667'],
  [3, 'GB', 'London', 'E1 6AN'],
]
const FIRST_NAMES = (
  'Anaïs Béatrice Chloé Élodie Fatou Gaëlle Hélène Inès Jeanne Karima Léa Maëlys Noémie Océane Pauline Romane Salomé ' +
  'Thaïs Violette Yasmine Zoé Adèle Baptiste Cédric Damien Étienne Florian Gaël Hugo Ismaël Jérôme Kévin Loïc Mathéo ' +
  'Noé Olivier Pierre Quentin Raphaël Sébastien Théo Ulysse Vadim Walid Yann Zacharie Søren Łucja İpek Ngọc Jürgen Siân'
).split(' ')
const SURNAME_STARTS = 'Bel Bou Cas Chan Des Dor Fau Fon Gar Gra Lam Mar Mon Pel Rou Sau Tor Val Ver Vil'.split(' ')
const SURNAME_ENDS = 'bier chaux dier gnac lard let lieu mond neau quier rand ret rain sac tier vaud vois zon'.split(
  ' ',
)
const RARE_SURNAMES = ["D'Arvaux", 'Ångvik', 'Øverdal', 'Łabędek', 'Çelikay', 'Nguyễn-Valet', "O'Braith", '李-Moret']
/** Where the numbers of the sample begin; families have 46571. */
const PHONES = ['19900', '26191', '35301', '53649']
const DOMAINS = ['mail.example', 'courriel.example', 'post.example', 'web.example', 'boite.example', 'pro.example']

/** What people type when they are asked for what they do not want to give. */
export const JUNK_EMAILS = [
  'test@test.com',
  'n/a',
  'noreply@lanterne.example',
  'none@none.com',
  'x',
  'NULL',
  'info@lanterne.example',
]
export const JUNK_PHONES = ['0000000000', 'n/a', '00 00 00 00 00', '-', '0606']

export const CATEGORIES = ['lamps', 'textiles', 'kitchen', 'garden', 'paper', 'toys', 'bath', 'ceramics']
export function makePeople() {
  const dice = random('people')
  const taken = new Set()
  const people = Array.from({ length: PEOPLE }, (_, n) => {
    const [, country, city, postalCode] = dice.weighted(PLACES)
    const first = dice.pick(FIRST_NAMES)
    const last = dice.chance(4) ? dice.pick(RARE_SURNAMES) : dice.pick(SURNAME_STARTS) + dice.pick(SURNAME_ENDS)
    const [, habit] = dice.weighted([
      [22, 'none'],
      [37, 'once'],
      [31, 'regular'],
      [10, 'vip'],
    ])
    const [, where] = dice.weighted([
      [54, 'both'],
      [20, 'crm'],
      [16, 'shop'],
      [10, 'neither'],
    ])
    const joined = NOW - dice.between(5, 900) * DAY - dice.below(DAY)
    return {
      id: `P${digits(n + 1, 4)}`,
      first,
      last,
      country,
      city,
      postalCode,
      joined,
      // Someone whom neither the CRM nor the shop knows has at least bought as a guest.
      habit: where === 'neither' && habit === 'none' ? 'once' : habit,
      // Four in ten of those who bought often have gone quiet.
      quietSince: habit !== 'once' && dice.chance(40) ? NOW - dice.between(95, 420) * DAY : NOW - HOUR,
      birthDate: dice.chance(55) ? day(NOW - dice.between(18 * 365, 80 * 365) * DAY) : '',
      email: newAddress(first, last, dice.pick(DOMAINS), taken),
      otherEmail: dice.chance(20) ? newAddress(last, first, dice.pick(DOMAINS), taken) : '',
      phone: dice.chance(country === 'FR' ? 80 : 45) ? PHONES[n % 4] + digits((n * 7_919 + 13) % 10_000, 4) : '',
      userIds: where === 'both' || where === 'shop' ? [`${10_000 + n}`] : [],
      inCrm: where === 'both' || where === 'crm',
      contactIds: [],
      devices: [],
      taste: dice.pick(CATEGORIES),
    }
  })
  makeHouseholds(people, dice)
  for (const person of people.slice(-30))
    person.email = newAddress(person.first, person.last, 'lanterne.example', taken)
  // Forgotten password, new account.
  for (const { userIds } of people)
    if (userIds.length > 0 && dice.chance(4)) userIds.push(`${Number(userIds[0]) + 50_000}`)
  return people
}

/** Families share a landline, couples a mobile, and both an address; families of three or more share a tablet too. */
function makeHouseholds(people, dice) {
  for (let start = 100, n = 0; n < 42; start += 90, n++) {
    const members = people.slice(start, start + (n < 30 ? dice.between(4, 6) : 2))
    const phone = n < 30 ? `46571${digits(n * 37, 4)}` : members[0].phone || `46571${digits(n * 37, 4)}`
    const tablet = deviceId(dice)
    for (const person of members) {
      const { last, country, city, postalCode } = members[0]
      Object.assign(person, { last, country, city, postalCode, phone })
      if (members.length > 2) person.devices.push(tablet)
    }
  }
}

/** An address as people type it: shouted, capitalised, or with a blank too many. */
export function typed(email, dice) {
  const [, how] = dice.weighted([
    [74, 'plain'],
    [10, 'upper'],
    [9, 'capital'],
    [4, 'before'],
    [3, 'after'],
  ])
  if (how === 'upper') return email.toUpperCase()
  if (how === 'capital') return email[0].toUpperCase() + email.slice(1)
  return how === 'before' ? ` ${email}` : how === 'after' ? `${email} ` : email
}

/** A phone as people write it. Abroad only forms that name the country: `01…` would be read as a Belgian number. */
export function dialled({ phone, country }, dice) {
  if (phone === '') return ''
  const pairs = phone.slice(1).match(/../g)
  const abroad = [
    `+33${phone}`,
    `0033${phone}`,
    `+33 ${phone[0]} ${pairs.join(' ')}`,
    `+33 (0)${phone[0]} ${pairs.join(' ')}`,
  ]
  const home = [
    `0${phone}`,
    `0${phone[0]} ${pairs.join(' ')}`,
    `0${phone[0]}.${pairs.join('.')}`,
    `0${phone[0]}-${pairs.join('-')}`,
  ]
  return dice.pick(country === 'FR' ? [...home, ...abroad] : abroad)
}

/** Two letters swapped, one left out, or one doubled. */
export function misspelt(name, dice) {
  const at = dice.between(1, name.length - 2)
  const [before, here, next, after] = [name.slice(0, at), name[at], name[at + 1], name.slice(at + 2)]
  return dice.pick([before + next + here + after, before + next + after, before + here + here + next + after])
}

function newAddress(first, last, domain, taken) {
  const local = `${plain(first)}.${plain(last)}`.toLowerCase().replace(/[^a-z.]/g, '')
  for (let n = 0; ; n++) {
    const email = `${local}${n === 0 ? '' : n + 1}@${domain}`
    if (taken.has(email)) continue
    taken.add(email)
    return email
  }
}

/** A name as it is typed on a keyboard without accents. */
export function plain(name) {
  const letters = { ø: 'o', Ø: 'O', ł: 'l', Ł: 'L', ı: 'i' }
  return name
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[øØłŁı]/g, (letter) => letters[letter])
}

export function deviceId(dice) {
  return Array.from({ length: 10 }, () => dice.below(16).toString(16)).join('')
}
