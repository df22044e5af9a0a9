// Loaded into a command before anything else (node --import), to see where it connects to. Every connection and every
// name that is looked up becomes a line of the file $NETWORK_SPY; whatever would leave the machine is refused.
import dgram from 'node:dgram'
import dns from 'node:dns'
import { appendFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'

const file = process.env.NETWORK_SPY
if (!file) throw new Error('NETWORK_SPY names no file')

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/i

function note(kind, host, port) {
  const leaves = kind !== 'pipe' && !LOOPBACK.test(host)
  appendFileSync(file, `${JSON.stringify({ kind, host, port, leaves })}\n`)
  if (leaves) throw new Error(`the network spy refuses ${kind} ${host}`)
}

const { connect } = net.Socket.prototype
net.Socket.prototype.connect = function (...given) {
  // net.connect and tls.connect hand over their arguments in an array.
  const [first, second] = Array.isArray(given[0]) ? given[0] : given
  const options =
    typeof first === 'object' ? first : Number.isNaN(Number(first)) ? { path: first } : { port: first, host: second }
  if (options.path) note('pipe', options.path)
  else note('connect', typeof options.host === 'string' ? options.host : 'localhost', Number(options.port))
  return connect.apply(this, given)
}

for (const [kind, owner] of [
  ['dns', dns],
  ['dns', dns.promises],
  ['dns', dns.Resolver.prototype],
  ['dns', dns.promises.Resolver.prototype],
])
  for (const name of Object.getOwnPropertyNames(owner).filter((one) => /^(lookup|resolve|reverse)/.test(one))) {
    const real = owner[name]
    owner[name] = function (host, ...rest) {
      note(kind, String(host))
      return real.call(this, host, ...rest)
    }
  }

// Where a datagram goes is the first text after the message.
for (const [name, from] of [
  ['send', 1],
  ['connect', 0],
]) {
  const real = dgram.Socket.prototype[name]
  dgram.Socket.prototype[name] = function (...given) {
    note('udp', String(given.slice(from).find((one) => typeof one === 'string') ?? 'localhost'))
    return real.apply(this, given)
  }
}

// What imports the built-in modules by name gets the functions above.
syncBuiltinESMExports()
