import { lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { AppError } from '../../shared/errors.ts'

/** Ranges of IPv4 that are not the public internet (RFC 6890 and multicast). */
const NOT_PUBLIC_4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const
/** Inside 2000::/3, which alone is public: Teredo, documentation, and 6to4, in which an IPv4 address hides. */
const NOT_PUBLIC_6 = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const

const blocked = new BlockList()
for (const [net, prefix] of NOT_PUBLIC_4) blocked.addSubnet(net, prefix, 'ipv4')
for (const [net, prefix] of NOT_PUBLIC_6) blocked.addSubnet(net, prefix, 'ipv6')
const global6 = new BlockList()
global6.addSubnet('2000::', 3, 'ipv6')

export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !blocked.check(address, 'ipv4')
  return family === 6 && global6.check(address, 'ipv6') && !blocked.check(address, 'ipv6')
}

/**
 * Where a push may go: whoever subscribes names the address, and must not reach through this server what they cannot
 * reach themselves. `privateHosts`: `host:port` of push services that whoever runs the server allows all the same.
 * @throws {AppError} `request/invalid`
 */
export function checkEndpoint(endpoint: string, privateHosts: readonly string[]): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null
  const isPlain = url?.protocol === 'https:' && url.username === '' && url.password === ''
  if (!url || !isPlain || !(isAllowed(url, privateHosts) || isPublicHost(url))) {
    throw new AppError('request/invalid', 'this is not the address of a push service')
  }
  return url
}

export function isAllowed({ hostname, port }: URL, privateHosts: readonly string[]): boolean {
  return privateHosts.includes(`${hostname}:${port || '443'}`)
}

function isPublicHost({ hostname, port }: URL): boolean {
  if (port !== '') return false
  const bare = hostname.replace(/^\[|\]$/g, '')
  if (isIP(bare) !== 0) return isPublicAddress(bare)
  return /\.[a-z][a-z0-9-]*$/.test(hostname) && !/\.(localhost|local|internal|home\.arpa|lan)$/.test(hostname)
}

/** Asks at the moment of connecting, so that a name cannot point elsewhere by then (DNS rebinding). */
export const lookupPublic: LookupFunction = (hostname, options, done) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return done(error, '')
    if (addresses.length === 0 || !addresses.every(({ address }) => isPublicAddress(address))) {
      return done(new Error('the name points into a private network'), '')
    }
    if (options.all === true) return done(null, addresses)
    const [{ address, family } = { address: '', family: 0 }] = addresses
    done(null, address, family)
  })
}
