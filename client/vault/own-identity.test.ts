import 'fake-indexeddb/auto'
import { beforeEach, expect, it } from 'vitest'
import { newDeviceId, newKey } from '../../shared/crypto/random.ts'
import { eraseDevice } from '../../shared/device/db.ts'
import { newPerson } from '../../shared/testing/people.ts'
import type { Api } from '../app/api.ts'
import { changeDeviceAccount, readDeviceAccount, writeDeviceAccount } from './device.ts'
import { OwnIdentity } from './own-identity.ts'

const person = await newPerson('ada')
const { userId, seed: identitySeed, identityKey, box: agreement } = person
const secrets = { userId, accountKey: newKey(), identitySeed, identityKey, agreement }
const account = { userId, username: 'ada', deviceId: newDeviceId(), serverKey: 's', vaultVersion: 1, identity: null }

/** @param meanwhile what another tab does while the server's answer is on its way. */
const learn = (meanwhile: () => Promise<unknown>) => {
  const call = async () => {
    await meanwhile()
    return { entries: [person.identity] }
  }
  return new OwnIdentity({ call } as unknown as Api, secrets, account).learn()
}

beforeEach(async () => {
  await eraseDevice()
  await writeDeviceAccount(account)
})

it('one’s own statement is pinned beside what another tab has seen of the vault meanwhile', async () => {
  await learn(() => changeDeviceAccount((now) => now && { ...now, vaultVersion: 7 }))
  expect(await readDeviceAccount()).toMatchObject({ vaultVersion: 7, identity: { seq: 0, identityKey } })
})

it('a newer statement that another tab has pinned meanwhile stays', async () => {
  const identity = { seq: 3, head: newKey(), identityKey }
  await learn(() => changeDeviceAccount((now) => now && { ...now, identity }))
  expect(await readDeviceAccount()).toMatchObject({ identity })
})

it('a device that signs out meanwhile has no account afterwards', async () => {
  await learn(eraseDevice)
  expect(await readDeviceAccount()).toBeNull()
})
