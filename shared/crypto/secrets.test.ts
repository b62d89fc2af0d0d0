import { beforeAll, describe, expect, it } from 'vitest'
import { concat, utf8 } from '../format/bytes.ts'
import { idBytes } from '../format/ids.ts'
import { RECOVERY_LABEL } from '../logs/identity.ts'
import { hashOf, verifySignature } from '../logs/signed.ts'
import { UNLOCK_BOX_BYTES } from '../wire/accounts.ts'
import { type BoxKeys, boxContext, boxKeysFrom, openBox, sealTo } from './box.ts'
import { passphraseSecret, stretchPassword } from './password.ts'
import { newInviteId, newKey, newUserId, randomBytes } from './random.ts'
import { recoveryKeyFrom, recoveryPublicKey, recoveryWords, signRecovery } from './recovery.ts'
import { openSecret, sealSecret } from './secretbox.ts'
import { openAccountKey, sealAccountKey, type UnlockKeys, type UnlockPlace, unlockKeys } from './unlock.ts'
import {
  checkVaultItems,
  indexLine,
  openVaultIndex,
  openVaultItem,
  sealVaultIndex,
  sealVaultItem,
  type VaultIndexBody,
} from './vault.ts'

const flip = (bytes: Uint8Array<ArrayBuffer>, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
const context = boxContext('kith/v1/test', utf8('here'))
let keys: BoxKeys
beforeAll(async () => {
  keys = await boxKeysFrom(new Uint8Array(32).fill(7))
})

describe('a sealed box', () => {
  it('opens for whom it was sealed, and twice sealed it looks another', async () => {
    const [a, b] = await Promise.all([
      sealTo(keys.publicKey, utf8('hello'), context),
      sealTo(keys.publicKey, utf8('hello'), context),
    ])
    expect(await openBox(keys, a, context)).toEqual(utf8('hello'))
    expect(a).not.toEqual(b)
  })

  it('has the same keys for the same seed', async () => {
    expect((await boxKeysFrom(new Uint8Array(32).fill(7))).publicKey).toEqual(keys.publicKey)
    expect(keys.publicKey).toHaveLength(1216)
  })

  it.each([
    ['flipped in its KEM half', (box: Uint8Array<ArrayBuffer>) => flip(box, 5)],
    ['flipped in its text', (box: Uint8Array<ArrayBuffer>) => flip(box, 1121)],
    ['cut short', (box: Uint8Array<ArrayBuffer>) => box.slice(0, 1000)],
    ['emptied', () => new Uint8Array(0)],
  ])('is refused when it was %s (box/tampered)', async (_, change) => {
    const box = await sealTo(keys.publicKey, utf8('hello'), context)
    await expect(openBox(keys, change(box), context)).rejects.toMatchObject({ code: 'box/tampered' })
  })

  it('is refused in another place, and by other keys', async () => {
    const box = await sealTo(keys.publicKey, utf8('hello'), context)
    const elsewhere = boxContext('kith/v1/test', utf8('there'))
    await expect(openBox(keys, box, elsewhere)).rejects.toMatchObject({ code: 'box/tampered' })
    await expect(openBox(await boxKeysFrom(newKey()), box, context)).rejects.toMatchObject({ code: 'box/tampered' })
  })

  it('is not sealed to what is no key', async () => {
    await expect(sealTo(randomBytes(31), utf8('x'), context)).rejects.toMatchObject({ code: 'key/unavailable' })
  })
})

describe('the account key', () => {
  const place: UnlockPlace = { userId: newUserId(), identityKey: newKey(), method: 'password' }
  const [accountKey, secret] = [newKey(), newKey()]
  let password: UnlockKeys
  let sealed: Uint8Array<ArrayBuffer>
  beforeAll(async () => {
    password = await unlockKeys('password', secret)
    sealed = await sealAccountKey(password, place, accountKey)
  })
  const refused = { code: 'box/tampered' }

  it('opens by each method, and by no other', async () => {
    expect(sealed).toHaveLength(UNLOCK_BOX_BYTES)
    expect(await openAccountKey(password, place, sealed)).toEqual(accountKey)
    await expect(openAccountKey(await unlockKeys('recovery', secret), place, sealed)).rejects.toMatchObject(refused)
    await expect(openAccountKey(password, { ...place, method: 'recovery' }, sealed)).rejects.toMatchObject(refused)
  })

  it.each([
    ['person', { userId: newUserId() }],
    ['identity', { identityKey: newKey() }],
  ])('opens for no other %s', async (_, other) => {
    await expect(openAccountKey(password, { ...place, ...other }, sealed)).rejects.toMatchObject(refused)
  })

  it('is refused from whoever knows the public key alone', async () => {
    const context = boxContext('kith/v1/account-key', idBytes(place.userId), utf8('password'))
    const box = await sealTo(password.publicKey, newKey(), context)
    const strangers = { ...password, authKey: newKey() }
    const forgeries = [
      box,
      concat(new Uint8Array(32), box),
      concat(sealed.subarray(0, 32), box),
      await sealAccountKey(strangers, place, newKey()),
    ]
    for (const forged of forgeries) {
      await expect(openAccountKey(password, place, forged)).rejects.toMatchObject(refused)
    }
  })

  it.each([0, 31, 32, 1151, 1152, 1199])('is refused with byte %i flipped, and cut there', async (at) => {
    await expect(openAccountKey(password, place, flip(sealed, at))).rejects.toMatchObject(refused)
    await expect(openAccountKey(password, place, sealed.slice(0, at))).rejects.toMatchObject(refused)
  })
})

describe('the recovery key', () => {
  it('is 24 words and back, however they are typed', () => {
    const key = newKey()
    const words = recoveryWords(key)
    expect(words).toHaveLength(24)
    expect(recoveryKeyFrom(`  ${words.join('\n ').toUpperCase()} `)).toEqual(key)
  })

  it.each([
    ['too few', (words: string[]) => words.slice(1)],
    ['swapped', (words: string[]) => [words[1], words[0], ...words.slice(2)]],
    ['foreign', (words: string[]) => ['kithkith', ...words.slice(1)]],
    [
      'of a shorter key',
      () => 'legal winner thank year wave sausage worth useful legal winner thank yellow'.split(' '),
    ],
  ])('is refused from words that are %s', (_, change) => {
    const words = change(recoveryWords(new Uint8Array(32).fill(9)))
    expect(() => recoveryKeyFrom(words.join(' '))).toThrow(expect.objectContaining({ code: 'recovery/failed' }))
  })

  it('answers the server’s challenge', async () => {
    const [key, challenge] = [newKey(), randomBytes(32)]
    const sig = await signRecovery(key, challenge)
    expect(verifySignature(RECOVERY_LABEL, challenge, sig, await recoveryPublicKey(key))).toBe(true)
    expect(verifySignature('kith/v1/worker-auth', challenge, sig, await recoveryPublicKey(key))).toBe(false)
  })
})

describe('the vault', () => {
  const owner = { userId: newUserId(), accountKey: newKey() }
  const item = async (name: string, version: number, text: string) => ({
    name,
    version,
    sealed: await sealVaultItem(owner, name, version, utf8(text)),
  })
  const indexed = async (body: VaultIndexBody) => ({ version: body.version, sealed: await sealVaultIndex(owner, body) })

  it('opens what its index names', async () => {
    const items = [await item('identity', 1, 'me'), await item('settings', 4, 'mine')]
    const index = await openVaultIndex(owner, await indexed({ version: 9, items: items.map(indexLine) }), 9)
    checkVaultItems(index, items)
    expect(await openVaultItem(owner, items[1] as (typeof items)[number])).toEqual(utf8('mine'))
  })

  it('is refused when an item was swapped, aged, dropped or added', async () => {
    const [a, b, old] = [await item('identity', 2, 'a'), await item('settings', 2, 'b'), await item('settings', 1, 'c')]
    const index: VaultIndexBody = { version: 3, items: [indexLine(a), indexLine(b)] }
    for (const shown of [[a], [a, old], [a, b, old], [a, a], [a, { ...b, sealed: a.sealed }], []]) {
      expect(() => checkVaultItems(index, shown)).toThrow(expect.objectContaining({ code: 'vault/tampered' }))
    }
    await expect(openVaultItem(owner, { ...a, name: 'settings' })).rejects.toMatchObject({ code: 'vault/tampered' })
    await expect(openVaultItem(owner, { ...a, version: 3 })).rejects.toMatchObject({ code: 'vault/tampered' })
  })

  it('is refused when its index is older than one seen, or another account’s', async () => {
    const sealed = await indexed({ version: 3, items: [] })
    await expect(openVaultIndex(owner, sealed, 4)).rejects.toMatchObject({ code: 'vault/rollback' })
    await expect(openVaultIndex(owner, { ...sealed, version: 5 }, 4)).rejects.toMatchObject({ code: 'vault/tampered' })
    const other = { ...owner, userId: newUserId() }
    await expect(openVaultIndex(other, sealed, 3)).rejects.toMatchObject({ code: 'vault/tampered' })
  })
})

describe('a stretched password', () => {
  it('is the same for the same salt and the same letters, however they are composed', async () => {
    const salt = hashOf(utf8('salt')).slice(0, 16)
    const [composed, decomposed] = await Promise.all([
      stretchPassword('caf\u00e9', salt),
      stretchPassword('cafe\u0301', salt),
    ])
    expect(composed).toEqual(decomposed)
    expect(await stretchPassword('café', randomBytes(16))).not.toEqual(composed)
  })

  it('opens only what it sealed', async () => {
    const [key, place] = [newKey(), utf8('here')]
    const sealed = await sealSecret(key, utf8('secret'), place)
    expect(await openSecret(key, sealed, place, 'auth/failed')).toEqual(utf8('secret'))
    await expect(openSecret(newKey(), sealed, place, 'auth/failed')).rejects.toMatchObject({ code: 'auth/failed' })
  })

  it('makes an invite’s secret from its words, with dashes or spaces', async () => {
    const invite = newInviteId()
    expect(await passphraseSecret('Correct-horse  battery', invite)).toEqual(
      await passphraseSecret('correct horse battery', invite),
    )
  })
})
