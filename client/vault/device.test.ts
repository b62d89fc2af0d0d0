import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newKey, newUserId } from '../../shared/crypto/random.ts'
import { openSecret, sealSecret } from '../../shared/crypto/secretbox.ts'
import { eraseDevice, openDevice } from '../../shared/device/db.ts'
import { createKey, removeKey } from '../../shared/device/device-key.ts'
import { utf8 } from '../../shared/format/bytes.ts'
import { hashOf } from '../../shared/logs/signed.ts'
import { codeOf } from '../../shared/testing/people.ts'
import type { Crypto } from '../workers/crypto.ts'
import { keepUnlock, openUnlock } from './device.ts'

/** Argon2id has its own known answers. */
const stretchPassword = async (password: string, salt: Uint8Array) => hashOf(utf8(password), salt)
const crypto = { stretchPassword, sealSecret, openSecret } as unknown as Crypto
const userId = newUserId()
const accountKey = newKey()
const keep = (password: string) => keepUnlock(crypto, userId, password, accountKey)
const open = (password: string) => openUnlock(crypto, userId, password)

beforeEach(async () => {
  await eraseDevice()
  await removeKey('lock')
})
afterEach(() => vi.restoreAllMocks())

describe('the record that a password unlocks', () => {
  it('opens by the newest password alone', async () => {
    await keep('the old one')
    await keep('the new one')
    expect(await open('the new one')).toEqual(accountKey)
    expect(await codeOf(() => open('the old one'))).toBe('auth/failed')
  })

  it('opens by the old password where the program ended at any write of the new one', async () => {
    await keep('the old one')
    const db = await openDevice()
    const put = db.put.bind(db)
    for (let at = 1; ; at++) {
      let writes = 0
      const spy = vi.spyOn(db, 'put').mockImplementation(async (...args) => {
        if (++writes >= at) throw new Error('died')
        return put(...args)
      })
      const died = await keep('the new one').then(
        () => false,
        () => true,
      )
      spy.mockRestore()
      expect(await open(died ? 'the old one' : 'the new one')).toEqual(accountKey)
      if (!died) break
    }
  })

  it('is replaced where browsers refuse to store keys, as long as the page lives', async () => {
    const db = await openDevice()
    const put = db.put.bind(db)
    vi.spyOn(db, 'put').mockImplementation((store, value, key) =>
      value instanceof CryptoKey
        ? Promise.reject(new DOMException('no keys', 'DataCloneError'))
        : put(store, value, key),
    )
    await keep('the old one')
    await keep('the new one')
    expect(await open('the new one')).toEqual(accountKey)
  })

  it('lies under a key that is gone: an error with a name, and a sign-in mends it', async () => {
    await keep('the password')
    await createKey('lock')
    expect(await codeOf(() => open('the password'))).toBe('key/unavailable')
    await keep('the password')
    expect(await open('the password')).toEqual(accountKey)
  })

  it('is made anew under another key where the browser lost the one that it had', async () => {
    await keep('the password')
    const useless = await globalThis.crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['decrypt'])
    await (await openDevice()).put('keys', useless, 'lock')
    await keep('the password')
    expect(await open('the password')).toEqual(accountKey)
  })
})
