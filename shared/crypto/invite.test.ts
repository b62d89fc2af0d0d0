import { describe, expect, it } from 'vitest'
import { utf8 } from '../format/bytes.ts'
import { inviteProofBytes } from '../logs/group-entering.ts'
import { INVITE_OPEN_LABEL } from '../logs/group-entries.ts'
import { verifySignature } from '../logs/signed.ts'
import {
  inviteFragment,
  invitePublicKey,
  newInviteSecret,
  openInvitePayload,
  parseInviteFragment,
  proveInvite,
  sealInvitePayload,
} from './invite.ts'
import { newGroupId, newInviteId, newKey } from './random.ts'

describe('an invite', () => {
  const ticket = { groupId: newGroupId(), inviteId: newInviteId(), secret: newInviteSecret() }

  it('goes into a link and comes out of it', () => {
    expect(parseInviteFragment(`#${inviteFragment(ticket)}`)).toEqual(ticket)
  })

  it.each(['', '#', '#abc', `#${inviteFragment(ticket)}A`, `#${inviteFragment(ticket).slice(4)}`, '#%00'])(
    'is not read from %s',
    (text) => {
      expect(() => parseInviteFragment(text)).toThrow(expect.objectContaining({ code: 'format/invalid' }))
    },
  )

  it('gives its keys to whoever holds it, and proves that one does', async () => {
    const payload = { for: 'member' as const, pin: { seq: 1, head: newKey() }, epoch: 3, groupKey: newKey() }
    const sealed = await sealInvitePayload(ticket, payload)
    expect(await openInvitePayload(ticket, sealed)).toEqual(payload)
    const other = { ...ticket, secret: newInviteSecret() }
    await expect(openInvitePayload(other, sealed)).rejects.toMatchObject({ code: 'invite/invalid' })
    const { sig } = await proveInvite(ticket)
    const message = inviteProofBytes(ticket.groupId, ticket.inviteId)
    expect(verifySignature(INVITE_OPEN_LABEL, message, sig, await invitePublicKey(ticket.secret))).toBe(true)
    expect(verifySignature(INVITE_OPEN_LABEL, utf8('other'), sig, await invitePublicKey(ticket.secret))).toBe(false)
  })
})
