import { expect, it } from 'vitest'
import { newMediaId, randomBytes } from '../../shared/crypto/random.ts'
import type { KeptRow } from '../../shared/device/db.ts'
import { idFromBytes, type ObjectId } from '../../shared/format/ids.ts'
import { keptBytes, toMakeRoom } from './room.ts'

function row(watchedAt: number, bytes: number): KeptRow {
  const objectId = idFromBytes(randomBytes(16)) as ObjectId
  return {
    mediaId: newMediaId(),
    groupId: null,
    state: 'kept',
    height: null,
    revision: 1,
    objects: [
      { objectId, sealedBytes: bytes },
      { objectId, sealedBytes: null },
    ],
    problem: null,
    createdAt: 0,
    watchedAt,
    byRule: false,
  }
}
const old = row(1, 100)
const newer = row(3, 100)
const middle = row(2, 100)
const empty = row(0, 0)

it('counts what is here', () => expect(keptBytes(old)).toBe(100))

it('makes room by what was watched longest ago, and by no more than it takes', () => {
  expect(toMakeRoom([newer, old, middle, empty], 150, null)).toEqual([old, middle])
  expect(toMakeRoom([newer, old, middle], 0, null)).toEqual([])
})

it('never takes what is being watched', () => {
  expect(toMakeRoom([newer, old, middle], 300, old.mediaId)).toEqual([middle, newer])
})
