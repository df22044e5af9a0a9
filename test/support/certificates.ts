import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

// X.509 by hand (RFC 5280), as far as a test server needs it: node:crypto reads certificates and makes none.

/** A key with its certificate, both as PEM. */
export interface Certified {
  readonly key: string
  readonly cert: string
}

/** Somebody who vouches for servers. */
export interface Authority {
  /** What a client must trust. */
  readonly cert: string
  /** A certificate for these names, valid from an hour ago until `until`. */
  issue(names: readonly string[], until: Date): Certified
}

const HOUR = 3_600_000

/** A new authority, valid for a day. */
export function authority(): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = 'Test authority'
  const own = { issuer: name, signer: keys.privateKey, subject: name, key: keys.publicKey, names: [] }
  return {
    cert: certificate({ ...own, until: new Date(Date.now() + 24 * HOUR) }),
    issue: (names, until) => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const subject = names[0] ?? ''
      const cert = certificate({ issuer: name, signer: keys.privateKey, subject, key: publicKey, names, until })
      return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
    },
  }
}

interface Wanted {
  readonly issuer: string
  readonly signer: KeyObject
  readonly subject: string
  readonly key: KeyObject
  /** DNS names; none = an authority. */
  readonly names: readonly string[]
  readonly until: Date
}

let serial = 1

function certificate({ issuer, signer, subject, key, names, until }: Wanted): string {
  const from = new Date(Math.min(Date.now(), until.getTime()) - HOUR)
  const signed = sequence(
    tlv(0xa0, integer(2)),
    integer(serial++),
    ECDSA_SHA256,
    nameOf(issuer),
    sequence(time(from), time(until)),
    nameOf(subject),
    key.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(names.length === 0 ? IS_AUTHORITY : hosts(names))),
  )
  const bits = tlv(0x03, Buffer.from([0]), sign('sha256', signed, signer))
  const base64 = sequence(signed, ECDSA_SHA256, bits).toString('base64').replace(/.{64}/g, '$&\n')
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`
}

/** One element of DER: tag, length, content. */
function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const { length } = body
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), body])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, ...parts)
}

/** A number below 128. */
function integer(value: number): Buffer {
  return tlv(0x02, Buffer.from([value]))
}

function nameOf(text: string): Buffer {
  const commonName = tlv(0x06, Buffer.from([0x55, 0x04, 0x03]))
  return sequence(tlv(0x31, sequence(commonName, tlv(0x0c, Buffer.from(text)))))
}

function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]/g, '').slice(2, 14)
  return tlv(0x17, Buffer.from(`${digits}Z`))
}

function hosts(names: readonly string[]): Buffer {
  const subjectAltName = tlv(0x06, Buffer.from([0x55, 0x1d, 0x11]))
  const list = sequence(...names.map((name) => tlv(0x82, Buffer.from(name))))
  return sequence(subjectAltName, tlv(0x04, list))
}

const ECDSA_SHA256 = sequence(tlv(0x06, Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])))

const TRUE = tlv(0x01, Buffer.from([0xff]))
const BASIC_CONSTRAINTS = tlv(0x06, Buffer.from([0x55, 0x1d, 0x13]))
const IS_AUTHORITY = sequence(BASIC_CONSTRAINTS, TRUE, tlv(0x04, sequence(TRUE)))
