import { describe, expect, it } from 'vitest'
import * as z from 'zod/mini'
import { pageMessage, workerMessage } from './page-sw.ts'

const mediaId = 'AAECAwQFBgcICQoLDA0ODw'
/** Every message that a version of Kith has ever sent, as it did: lines are added here, and none is changed or taken out. */
const GOLDEN = {
  page: [{ type: 'claim' }, { type: 'SKIP_WAITING' }, { type: 'forget' }],
  worker: [
    { type: 'media-error', mediaId, objectName: 'original', code: 'object/tampered' },
    { type: 'media-error', mediaId, objectName: 'r/AAAAAAAAAAAAAAAAAAAAAA/360p/00001.m4s', code: 'server/unreachable' },
    { type: 'open', path: '/chats' },
    { type: 'open', path: '/chats/AAECAwQFBgcICQoLDA0ODw' },
    { type: 'unknown' },
  ],
}

describe.each([
  ['the page', pageMessage, GOLDEN.page],
  ['the Service Worker', workerMessage, GOLDEN.worker],
])('what %s says', (_, schema, golden) => {
  it.each(golden)('is understood as it was sent by any version before: $type', (message) => {
    expect(z.parse(schema, message)).toEqual(message)
  })

  it.each(golden)('is understood where a newer version says more: $type', (message) => {
    expect(z.parse(schema, { ...message, since: 2 })).toEqual(message)
  })

  it('is written down here, all of it', () => {
    const types = schema.def.options.map(({ shape }) => shape.type.def.values[0])
    expect(new Set(golden.map(({ type }) => type))).toEqual(new Set(types))
  })

  it.each([{ type: 'of a newer version' }, {}, null, 'claim'])('is nothing else: %j', (message) => {
    expect(z.safeParse(schema, message).success).toBe(false)
  })
})

it.each(['//elsewhere.example', 'https://elsewhere.example', 'chats'])(
  'a notification leads nowhere else: %s',
  (path) => {
    expect(z.safeParse(workerMessage, { type: 'open', path }).success).toBe(false)
  },
)
