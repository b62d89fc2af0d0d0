import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { checkEndpoint, isPublicAddress, lookupPublic } from './endpoint.ts'

it.each([
  '9.9.9.9',
  '172.15.0.1',
  '172.32.0.1',
  '192.169.0.1',
  '223.255.255.255',
  '2a00:1450:4001::5e',
  '2606:4700::1',
])('takes %s for public', (address) => expect(isPublicAddress(address)).toBe(true))

it.each([
  ...['0.0.0.0', '10.255.255.255', '100.64.0.1', '127.0.0.53', '169.254.169.254', '172.16.0.1', '172.31.255.255'],
  ...['192.168.1.1', '198.18.0.1', '203.0.113.7', '224.0.0.1', '255.255.255.255'],
  ...[
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:9.9.9.9',
    '64:ff9b::1',
    'fc00::1',
    'fe80::1',
    'ff02::1',
    '2002:7f00:1::',
  ],
  ...['2001:db8::1', '2001::1', 'not an address', ''],
])('takes %s for private', (address) => expect(isPublicAddress(address)).toBe(false))

it('takes the push services of browsers, and hosts that were allowed by name', () => {
  for (const endpoint of [
    'https://fcm.googleapis.com/fcm/send/x',
    'https://updates.push.services.mozilla.com/wpush/v2/x',
    'https://web.push.apple.com/x',
    'https://wns2-by3p.notify.windows.com/w/?token=x',
  ]) {
    expect(checkEndpoint(endpoint, []).href).toBe(endpoint)
  }
  expect(checkEndpoint('https://10.0.0.7/x', ['10.0.0.7:443']).hostname).toBe('10.0.0.7')
  expect(() => checkEndpoint('https://10.0.0.7:8443/x', ['10.0.0.7:443'])).toThrow()
  expect(() => checkEndpoint('http://push.example.org/x', [])).toThrow()
})

it('refuses a name that points into a private network at the moment of connecting', async () => {
  const lookup = promisify((name: string, all: boolean, done: (error: Error | null, found?: unknown) => void) =>
    lookupPublic(name, { all }, (error, found) => done(error, found)),
  )
  for (const all of [true, false]) await expect(lookup('localhost', all)).rejects.toThrow('private network')
})
