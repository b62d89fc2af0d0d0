import { expect, test } from 'vitest'
import type { MediaId } from '../../shared/format/ids.ts'
import type { Item } from '../media/items.ts'
import type { UploadView } from '../upload/uploads.ts'
import { isUnderWay, uploadState, withUnderWay } from './under-way.ts'

const itemOf = (mediaId: string, changeSeq: number) => ({ record: { mediaId: mediaId as MediaId, changeSeq } }) as Item

test('an upload has a tile until the server lists the item, and never two', () => {
  const [old, sent, new1] = [itemOf('old', 1), itemOf('sent', 0), itemOf('new', 0)]
  const before = withUnderWay([old], [sent, new1])
  expect(before).toEqual([old, sent, new1])
  expect(before.map(isUnderWay)).toEqual([false, true, true])
  const listed = itemOf('sent', 2)
  expect(withUnderWay([listed, old], [sent, new1])).toEqual([listed, old, new1])
})

test('where nothing is under way, or all of it is listed, the list is the same one: the grid sorts no other', () => {
  const items = [itemOf('old', 1)]
  expect(withUnderWay(items, [])).toBe(items)
  expect(withUnderWay(items, [itemOf('old', 0)])).toBe(items)
})

test.each([
  ['waiting', 'Uploading'],
  ['sealing', 'Uploading'],
  ['sending', 'Uploading 42 %'],
  ['needs-file', 'Pick it again'],
  ['stopped', 'Stopped'],
] as const)('an upload that is %s says: %s', (phase, says) => {
  expect(uploadState({ phase, sentBytes: 429, totalBytes: 1000 } as UploadView)).toBe(says)
})
