import { BlockList, isIPv6 } from 'node:net'

/**
 * Is this IP address one that no public service has? True for every special-purpose block of IANA's registries
 * (https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry), multicast included,
 * and for IPv6 forms that carry an IPv4 address, since a translator on the way could unpack it. Text that is no
 * address counts as private.
 */
export function isPrivate(address: string): boolean {
  // A zone (`fe80::1%eth0`) belongs to link-local addresses only.
  if (address.includes('%')) return true
  if (isIPv6(address)) return BLOCKED_V6.check(address, 'ipv6')
  return !IPV4.test(address) || BLOCKED_V4.check(address, 'ipv4')
}

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/

const V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]

const V6 = [
  '::/96', // unspecified, loopback, IPv4-compatible
  '::ffff:0:0/96', // IPv4-mapped
  '64:ff9b::/96', // NAT64
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23', // Teredo and other protocol assignments
  '2001:db8::/32',
  '2002::/16', // 6to4
  '3fff::/20',
  '5f00::/16',
  'fc00::/7', // unique local
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
]

// Two lists: in one list the IPv4-mapped block would match every IPv4 address.
const BLOCKED_V4 = new BlockList()
const BLOCKED_V6 = new BlockList()
for (const block of V4) BLOCKED_V4.addSubnet(...parts(block), 'ipv4')
for (const block of V6) BLOCKED_V6.addSubnet(...parts(block), 'ipv6')

function parts(block: string): [string, number] {
  const [net = '', prefix = ''] = block.split('/')
  return [net, Number(prefix)]
}
