import { expect, it } from 'vitest'
import * as z from 'zod/mini'
import { toBase64Url } from '../format/base64url.ts'
import { parseGroupId, parseInviteId } from '../format/ids.ts'
import { openInvite, readGroupLog } from './groups.ts'
import { listMedia } from './media.ts'
import { bytes } from './primitives.ts'
import { urlOf } from './route.ts'

const groupId = parseGroupId('px247bxnQ59LbEc3uDo-NQ')
const inviteId = parseInviteId('hQklClwJX1YNmePAvdpiFw')

it('fills the path and the query', () => {
  expect(urlOf(readGroupLog, { groupId }, { from: 7 })).toBe(`/api/groups/${groupId}/log?from=7`)
  expect(urlOf(listMedia, { groupId }, {})).toBe(`/api/groups/${groupId}/media`)
})

it('carries bytes as base64url and back', () => {
  const sig = new Uint8Array(64).fill(7)
  const json = z.encode(openInvite.body, { groupId, inviteId, sig })
  expect(json).toEqual({ groupId, inviteId, sig: toBase64Url(sig) })
  expect(z.decode(openInvite.body, json)).toEqual({ groupId, inviteId, sig })
})

it.each([
  ['too short', 'AAA'],
  ['too long', 'AAAAAAA'],
  ['padded', 'AAAAAA=='],
  ['not canonical', 'AAAAAB'],
  ['foreign', 'AAA+AA'],
])('refuses bytes that are %s', (_, text) => {
  expect(z.safeDecode(bytes(4), text).success).toBe(false)
})

it('refuses a member that the schema does not know', () => {
  const json = { groupId, inviteId, sig: toBase64Url(new Uint8Array(64)), more: 1 }
  expect(z.safeParse(openInvite.body, json).success).toBe(false)
})
