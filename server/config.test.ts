import { expect, it } from 'vitest'
import { readConfig } from './config.ts'

it('has defaults for one machine', () => {
  expect(readConfig({})).toMatchObject({
    host: '127.0.0.1',
    port: 8420,
    origin: null,
    signup: 'invite',
    logLevel: 'info',
    pushPrivateHosts: [],
  })
})

it('takes an origin with or without a slash', () => {
  expect(readConfig({ KITH_ORIGIN: 'https://kith.example.org/' }).origin).toBe('https://kith.example.org')
})

it('takes a list of hosts', () => {
  const env = { KITH_PUSH_PRIVATE_HOSTS: '127.0.0.1:9443,[::1]:443' }
  expect(readConfig(env).pushPrivateHosts).toEqual(['127.0.0.1:9443', '[::1]:443'])
})

it.each([
  ['KITH_PORT', '99999'],
  ['KITH_PORT', '80a'],
  ['KITH_ORIGIN', 'kith.example.org'],
  ['KITH_ORIGIN', 'https://kith.example.org/path'],
  ['KITH_SIGNUP', 'yes'],
  ['KITH_TRUST_PROXY', 'true'],
  ['KITH_LOG', 'loud'],
  ['KITH_MAX_PUT_BYTES', '-1'],
  ['KITH_PUSH_PRIVATE_HOSTS', 'push.example.org'],
  ['KITH_PUSH_PRIVATE_HOSTS', 'https://push.example.org:443'],
])('refuses %s=%s and names it', (name, value) => {
  expect(() => readConfig({ [name]: value })).toThrow(name)
})
