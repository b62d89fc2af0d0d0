import { describe, expect, it } from 'vitest'
import { newKey, newUserId } from '../../shared/crypto/random.ts'
import { utf8 } from '../../shared/format/bytes.ts'
import { codeOf } from '../../shared/testing/people.ts'
import type { VaultItem } from '../../shared/wire/vault.ts'
import { openVault, type SealedVault, sealVaultWrite } from './sealing.ts'

const keys = { userId: newUserId(), accountKey: newKey(), identitySeed: newKey() }
const GROUP = 'groups/AAAAAAAAAAAAAAAAAAAAAA'

/** Three states of a vault, as an honest server stores them one after the other. */
async function history(): Promise<[SealedVault, SealedVault, SealedVault]> {
  const first = await sealVaultWrite(
    keys,
    null,
    new Map([
      ['identity', utf8('identity 1')],
      ['settings', utf8('settings 1')],
    ]),
  )
  const second = await sealVaultWrite(keys, first.index, new Map([['settings', utf8('settings 2')]]))
  const third = await sealVaultWrite(
    keys,
    second.index,
    new Map([
      ['settings', null],
      [GROUP, utf8('group')],
    ]),
  )
  const one: SealedVault = { index: first.write.index, items: first.write.put }
  const two = apply(one, second.write)
  return [one, two, apply(two, third.write)]
}

function apply(vault: SealedVault, write: Awaited<ReturnType<typeof sealVaultWrite>>['write']): SealedVault {
  const items = new Map(vault.items.map((item) => [item.name, item]))
  for (const item of write.put) items.set(item.name, item)
  for (const name of write.remove) items.delete(name)
  return { index: write.index, items: [...items.values()] }
}

describe('vault', () => {
  it('opens what honest writes left', async () => {
    const [, two, three] = await history()
    expect([...(await openVault(keys, two, 0)).items]).toEqual([
      ['identity', utf8('identity 1')],
      ['settings', utf8('settings 2')],
    ])
    const opened = await openVault(keys, three, 3)
    expect(opened.index.version).toBe(3)
    expect([...opened.items.keys()]).toEqual(['identity', GROUP])
  })

  const attacks: [string, string, (states: [SealedVault, SealedVault, SealedVault]) => SealedVault][] = [
    ['rolled back as a whole', 'vault/rollback', ([one]) => one],
    ['given an older item', 'vault/tampered', ([one, two]) => ({ index: two.index, items: one.items })],
    ['robbed of an item', 'vault/tampered', ([, two]) => ({ ...two, items: two.items.slice(1) })],
    [
      'given a removed item back',
      'vault/tampered',
      ([, two, three]) => ({ ...three, items: [...three.items, named(two, 'settings')] }),
    ],
    [
      'shown the same item twice',
      'vault/tampered',
      ([, two]) => ({ ...two, items: [named(two, 'settings'), named(two, 'settings')] }),
    ],
    ['served with two items swapped', 'vault/tampered', ([, two]) => ({ ...two, items: swapped(two.items) })],
    ['said to be newer than it is', 'vault/tampered', ([one]) => ({ ...one, index: { ...one.index, version: 9 } })],
    [
      'changed by one bit in the index',
      'vault/tampered',
      ([, two]) => ({
        ...two,
        index: { ...two.index, sealed: two.index.sealed.map((byte, i) => (i === 30 ? byte ^ 1 : byte)) },
      }),
    ],
    [
      'changed by one bit in an item',
      'vault/tampered',
      ([, two]) => ({
        ...two,
        items: two.items.map((item) => ({
          ...item,
          sealed: item.sealed.map((byte, i) => (i === 40 ? byte ^ 1 : byte)),
        })),
      }),
    ],
  ]
  it.each(attacks)('refuses a vault that was %s', async (_, code, attack) => {
    const states = await history()
    expect(await codeOf(() => openVault(keys, attack(states), 2))).toBe(code)
  })

  it('is of one account: neither another key nor another user id opens it', async () => {
    const [one] = await history()
    expect(await codeOf(() => openVault({ ...keys, accountKey: newKey() }, one, 0))).toBe('vault/tampered')
    expect(await codeOf(() => openVault({ ...keys, userId: newUserId() }, one, 0))).toBe('vault/tampered')
  })
})

function named({ items }: SealedVault, name: string): VaultItem {
  return items.find((item) => item.name === name) as VaultItem
}

function swapped([a, b, ...rest]: readonly VaultItem[]): VaultItem[] {
  if (!a || !b) throw new Error('needs two items')
  return [{ ...a, sealed: b.sealed }, { ...b, sealed: a.sealed }, ...rest]
}
