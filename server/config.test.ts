import { expect, it } from 'vitest'
import { readConfig } from './config.ts'

it('has defaults for one machine', () => {
  expect(readConfig({})).toMatchObject({
    host: '127.0.0.1',
    port: 8420,
    origin: null,
    signup: 'invite',
    logLevel: 'info',
  })
})

it('takes an origin with or without a slash', () => {
  expect(readConfig({ KITH_ORIGIN: 'https://kith.example.org/' }).origin).toBe('https://kith.example.org')
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
])('refuses %s=%s and names it', (name, value) => {
  expect(() => readConfig({ [name]: value })).toThrow(name)
})
