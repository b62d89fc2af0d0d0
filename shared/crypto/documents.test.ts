import { describe, expect, it } from 'vitest'
import { utf8 } from '../format/bytes.ts'
import { INVITE_OPEN_LABEL } from '../logs/group-entries.ts'
import { inviteProofBytes } from '../logs/group-replay.ts'
import { verifySignature } from '../logs/signed.ts'
import { groupProfileBody } from '../wire/card.ts'
import { checkRevision, type DocumentName, sealDocument, verifyAndOpenDocument } from './document.ts'
import {
  inviteFragment,
  invitePublicKey,
  newInviteSecret,
  openInvitePayload,
  parseInviteFragment,
  proveInvite,
  sealInvitePayload,
} from './invite.ts'
import { newGroupId, newInviteId, newKey, newMediaId, newUserId } from './random.ts'
import { publicKeyOf, sign } from './signing.ts'
import { unwrapCardKey, unwrapContentKey, wrapCardKey, wrapContentKey } from './wraps.ts'

const [seed, author, key] = [newKey(), newUserId(), newKey()]
const name: DocumentName = { label: 'kith/v1/card', id: newMediaId(), revision: 2 }
const content = {
  author,
  groupHead: newKey(),
  schema: groupProfileBody,
  body: { name: 'Our circle' },
  sign: (label: string, bytes: Uint8Array) => sign(seed, label, bytes),
}
const byAuthor = {
  schema: groupProfileBody,
  verifyAuthor: (who: string, label: string, bytes: Uint8Array, sig: Uint8Array) =>
    who === author && verifySignature(label, bytes, sig, publicKeyOf(seed)),
}

describe('a sealed, signed document', () => {
  it('opens to what its author wrote', async () => {
    const sealed = await sealDocument(name, key, content)
    expect(await verifyAndOpenDocument(name, key, sealed, byAuthor)).toMatchObject({
      author,
      body: { name: 'Our circle' },
    })
  })

  it.each([
    ['as another revision', { ...name, revision: 3 }],
    ['for another item', { ...name, id: newMediaId() }],
    ['as another kind', { ...name, label: 'kith/v1/comment' as const }],
  ])('is refused when it is shown %s (card/tampered)', async (_, shown) => {
    const sealed = await sealDocument(name, key, content)
    await expect(verifyAndOpenDocument(shown, key, sealed, byAuthor)).rejects.toMatchObject({ code: 'card/tampered' })
  })

  it('is refused when somebody else who has the key signed it', async () => {
    const eve = newKey()
    const forged = await sealDocument(name, key, { ...content, sign: (label, bytes) => sign(eve, label, bytes) })
    await expect(verifyAndOpenDocument(name, key, forged, byAuthor)).rejects.toMatchObject({ code: 'card/tampered' })
  })

  it('is refused when it has another form, or bytes were changed', async () => {
    const sealed = await sealDocument(name, key, content)
    const flipped = sealed.map((byte, i) => (i === 20 ? byte ^ 1 : byte))
    await expect(verifyAndOpenDocument(name, key, flipped, byAuthor)).rejects.toMatchObject({ code: 'card/tampered' })
    const long = { ...content, body: { name: 'x'.repeat(81) } }
    await expect(sealDocument(name, key, long)).rejects.toThrow()
  })

  it('never goes back', () => {
    expect(() => checkRevision(3, 2)).toThrow(expect.objectContaining({ code: 'card/rollback' }))
    expect(() => checkRevision(3, 3)).not.toThrow()
  })
})

describe('a wrapped key', () => {
  const place = { mediaId: newMediaId(), groupId: newGroupId(), epoch: 4 }
  it.each([
    ['content', wrapContentKey, unwrapContentKey],
    ['card', wrapCardKey, unwrapCardKey],
  ])('of a %s opens in its place alone', async (_, wrap, unwrap) => {
    const [subkey, inner] = [newKey(), newKey()]
    const wrapped = await wrap(subkey, place, inner)
    expect(await unwrap(subkey, place, wrapped)).toEqual(inner)
    const refused = { code: 'key/unavailable' }
    await expect(unwrap(subkey, { ...place, mediaId: newMediaId() }, wrapped)).rejects.toMatchObject(refused)
    await expect(unwrap(subkey, { ...place, groupId: newGroupId() }, wrapped)).rejects.toMatchObject(refused)
    await expect(unwrap(subkey, { ...place, epoch: 5 }, wrapped)).rejects.toMatchObject(refused)
    await expect(unwrap(newKey(), place, wrapped)).rejects.toMatchObject(refused)
  })

  it('of a content does not open as one of a card', async () => {
    const subkey = newKey()
    const wrapped = await wrapContentKey(subkey, place, newKey())
    await expect(unwrapCardKey(subkey, place, wrapped)).rejects.toMatchObject({ code: 'key/unavailable' })
  })
})

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
    const payload = { for: 'member' as const, epoch: 3, groupKey: newKey() }
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
