import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { type PublicKeys, peerOf } from '../logs/connection.ts'
import { newPerson, type Person } from '../testing/people.ts'
import { TestConnection } from '../testing/talkers.ts'
import { type KeySchedule, nextSchedule, type PendingEntry, type SecretKeys } from './connection-keys.ts'

let ada: Person
let ben: Person
beforeAll(async () => {
  ;[ada, ben] = await Promise.all([newPerson('ada'), newPerson('ben')])
})

const rotations = fc.array(fc.boolean(), { minLength: 1, maxLength: 8 })

/** Rotations one after the other, by ada where true; what ada's vault held before each. */
async function talkOf(byAda: readonly boolean[]) {
  const talk = await TestConnection.between(ada, ben)
  const vaults = [talk.schedules.get(ada) as KeySchedule]
  const pending: PendingEntry[] = []
  for (const isAda of byAda) {
    pending.push(await talk.rotate(isAda ? ada : ben))
    vaults.push(talk.schedules.get(ada) as KeySchedule)
  }
  return { talk, vaults, pending }
}

/** Which epochs somebody reads who has ada's vault as it was at one, and everything that the server has. */
async function readable(talk: TestConnection, from: KeySchedule): Promise<number[]> {
  const epochs: number[] = []
  let schedule: KeySchedule | null = from
  const { state, entries } = talk
  for (const [index, entry] of entries.entries()) {
    const epoch = index - 1
    if (!schedule || epoch <= from.epoch) continue
    // As ada where ben rotated, and as whoever might answer ada's own.
    const attempts: Promise<Awaited<ReturnType<typeof nextSchedule>> | null>[] = [ada, ben].map((me) =>
      nextSchedule(schedule as KeySchedule, entry, peerOf(state, me.userId).keys as PublicKeys, null).catch(() => null),
    )
    const real = talk.secrets.get(ben)?.[epoch]?.messageSecret.join()
    const found = (await Promise.all(attempts)).find((made) => made?.secret.messageSecret.join() === real)
    if (found) epochs.push(epoch)
    schedule = found?.schedule ?? null
  }
  return epochs
}

describe('keys of a connection', () => {
  it('are the same on both sides after any rotations, one epoch for each head', async () => {
    await fc.assert(
      fc.asyncProperty(rotations, async (byAda) => {
        const { talk } = await talkOf(byAda)
        const [hers, his] = [talk.secrets.get(ada), talk.secrets.get(ben)]
        expect(hers).toEqual(his)
        expect(new Set(hers?.map(({ messageSecret }) => messageSecret.join())).size).toBe(byAda.length + 1)
      }),
      { numRuns: 15 },
    )
  })

  it('are closed to a removed device from its own person’s next rotation on', async () => {
    await fc.assert(
      fc.asyncProperty(rotations, fc.nat(), async (byAda, at) => {
        const { talk, vaults } = await talkOf(byAda)
        const removed = vaults[at % vaults.length] as KeySchedule
        const healed = byAda.findIndex((isAda, index) => isAda && index + 1 > removed.epoch)
        const end = healed < 0 ? byAda.length : healed
        const expected = byAda.map((_, index) => index + 1).filter((epoch) => epoch > removed.epoch && epoch <= end)
        expect(await readable(talk, removed)).toEqual(expected)
      }),
      { numRuns: 25 },
    )
  })

  it('are deleted once they are superseded: nothing of an earlier root, key or half is kept', async () => {
    await fc.assert(
      fc.asyncProperty(rotations, async (byAda) => {
        const { vaults } = await talkOf(byAda)
        const [newest, ...earlier] = [...vaults].reverse() as [KeySchedule, ...KeySchedule[]]
        const kept = new Set([newest.root, newest.own.x, newest.own.w].map((bytes) => bytes.join()))
        const lastOwn = byAda.lastIndexOf(true) + 1
        for (const { epoch, root, own } of earlier) {
          expect(kept.has(root.join())).toBe(false)
          for (const half of halvesOf(own)) expect(kept.has(half)).toBe(epoch >= lastOwn)
        }
        expect(Object.keys(newest).sort()).toEqual(['epoch', 'own', 'root', 'transcript'])
      }),
      { numRuns: 15 },
    )
  })

  it('stay as they are where an entry is refused', async () => {
    const { talk, vaults, pending } = await talkOf([true, false])
    const [before] = vaults as [KeySchedule]
    const copy = structuredClone(before)
    const { state, entries } = talk
    const keys = peerOf(state, ada.userId).keys as PublicKeys
    const [, , own, his] = entries as [never, never, PendingEntry['entry'], PendingEntry['entry']]
    // The epoch after next; a rotation that another device wrote down; one that this account never wrote.
    const [written] = pending as [PendingEntry]
    await expect(nextSchedule(before, his, keys, null)).rejects.toMatchObject({ code: 'log/wrong-prev' })
    await expect(nextSchedule(before, own, keys, { ...written, entry: his })).rejects.toMatchObject({
      code: 'connection/swapped-key',
    })
    await expect(nextSchedule(before, own, keys, { ...written, shared: null })).rejects.toMatchObject({
      code: 'connection/swapped-key',
    })
    expect(before).toEqual(copy)
  })
})

const halvesOf = ({ x, w }: SecretKeys): string[] => [x.join(), w.join()]
