import 'fake-indexeddb/auto'
import { beforeEach, expect, it, vi } from 'vitest'
import { openDevice } from '../../shared/device/db.ts'
import { createKey, removeKey } from '../../shared/device/device-key.ts'
import { writeSealed } from '../../shared/device/sealed-store.ts'
import { toBase64Url } from '../../shared/format/base64url.ts'
import { utf8 } from '../../shared/format/bytes.ts'
import { hashOf } from '../../shared/logs/signed.ts'

const digest = (text: string) => toBase64Url(hashOf(utf8(text)))

/** A program that has just started: nothing of the one before is in its memory. */
async function start() {
  vi.resetModules()
  const [store, memory] = await Promise.all([import('./verified-store.ts'), import('../../shared/logs/known-good.ts')])
  return { ...store, ...memory }
}

beforeEach(async () => {
  await createKey('device')
})

it('is known at the next start', async () => {
  const before = await start()
  before.noteGood(digest('log'))
  await before.keepVerified()
  const after = await start()
  expect(after.isKnownGood(digest('log'))).toBe(false)
  await after.trustVerified()
  expect(after.isKnownGood(digest('log'))).toBe(true)
})

it('keeps only what was met last', async () => {
  const before = await start()
  for (let n = 0; n < 3000; n++) before.noteGood(digest(`card ${n}`))
  await before.keepVerified()
  const after = await start()
  await after.trustVerified()
  expect([after.isKnownGood(digest('card 0')), after.isKnownGood(digest('card 2999'))]).toEqual([false, true])
})

it('is gone with a lock: all is verified anew', async () => {
  const before = await start()
  before.noteGood(digest('log'))
  await before.keepVerified()
  await removeKey('device')
  await createKey('device')
  const after = await start()
  await after.trustVerified()
  expect(after.isKnownGood(digest('log'))).toBe(false)
})

it.each([
  [
    'bytes that nobody of this device sealed',
    async () => (await openDevice()).put('sealed', new Uint8Array(80), 'verified'),
  ],
  ['something of another form', () => writeSealed('verified', utf8('["short"]'))],
])('believes nothing of %s', async (_, leave) => {
  const { knownGood, trustVerified } = await start()
  await leave()
  await trustVerified()
  expect(knownGood(10)).toEqual([])
})
