import { describe, expect, it } from 'vitest'
import { newMediaId } from '../../shared/crypto/random.ts'
import type { Item } from '../media/items.ts'
import { neighboursOf } from './neighbours.ts'

function item(createdAt: number, capturedAt?: number): Item {
  const card = capturedAt === undefined ? null : { capturedAt }
  return { record: { mediaId: newMediaId(), createdAt }, card, made: null, fault: null } as unknown as Item
}

describe('neighbours', () => {
  const old = item(9, 1)
  const middle = item(5)
  const newest = item(2, 8)
  const items = [old, middle, newest]

  it('follow the time of taking, newest first', () => {
    expect(neighboursOf(items, middle.record.mediaId)).toEqual({
      previous: newest.record.mediaId,
      next: old.record.mediaId,
    })
  })

  it('end at both ends', () => {
    expect(neighboursOf(items, newest.record.mediaId).previous).toBeNull()
    expect(neighboursOf(items, old.record.mediaId).next).toBeNull()
  })

  it('are none for an item that is not there', () => {
    expect(neighboursOf(items, newMediaId())).toEqual({ previous: null, next: null })
  })
})
