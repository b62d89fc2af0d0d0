import { describe, expect, it } from 'vitest'
import { toBase64Url } from '../format/base64url.ts'
import { type Bytes, concat, fromUtf8, u32, utf8 } from '../format/bytes.ts'
import { idBytes, type MemberId } from '../format/ids.ts'
import { pad, unpad } from '../format/pad.ts'
import { verifySignature } from '../logs/signed.ts'
import { flip } from '../testing/objects.ts'
import { type Card, card, groupProfileBody } from '../wire/card.ts'
import { workerDocument } from '../wire/worker-document.ts'
import { importAesKey, openAes, sealAes } from './aes-gcm.ts'
import {
  checkRevision,
  type DocumentName,
  groupProfileKey,
  sealDocument,
  verifyAndOpenDocument,
  workerDocumentKey,
} from './document.ts'
import { sha256 } from './hash.ts'
import { newGroupId, newKey, newMediaId, newUserId, randomBytes } from './random.ts'
import { publicKeyOf, sign } from './signing.ts'

const seed = newKey()
const author = newUserId()
const key = newKey()
const groupHead = randomBytes(32)
const name: DocumentName = { label: 'kith/v1/card', id: newMediaId(), revision: 2 }
const body: Card = { title: 'Città d’estate', fileName: 'a.mp4', type: 'video/mp4', sizeBytes: 5, hasThumb: false }
const tampered = { code: 'card/tampered' }

const verifyAuthor = (who: MemberId, label: string, bytes: Bytes, sig: Bytes) =>
  who === author && verifySignature(label, bytes, sig, publicKeyOf(seed))
const seal = (by = seed) =>
  sealDocument(name, key, { author, groupHead, schema: card, body, sign: (...signed) => sign(by, ...signed) })
const open = (sealed: Bytes, at = name, under = key) =>
  verifyAndOpenDocument(at, under, sealed, { schema: card, verifyAuthor })

/** Opens, changes and seals again: what any member can do, since all have the key. */
async function forge(sealed: Bytes, change: (envelope: Record<string, string>) => object): Promise<Bytes> {
  const aes = await importAesKey(key)
  const aad = concat(utf8(name.label), idBytes(name.id), u32(name.revision))
  const envelope = JSON.parse(fromUtf8(unpad(await openAes(aes, sealed, aad))))
  return sealAes(
    aes,
    pad(utf8(JSON.stringify(change(envelope))), (length) => length),
    aad,
  )
}

describe('a document', () => {
  it('opens to what its author wrote', async () =>
    expect(await open(await seal())).toEqual({ author, groupHead, body }))

  it('is signed as docs/protocol.md §7 says: over the very bytes of the body', async () => {
    const aad = concat(utf8('kith/v1/card'), idBytes(name.id), u32(2))
    const text = fromUtf8(unpad(await openAes(await importAesKey(key), await seal(), aad)))
    const envelope = JSON.parse(text)
    const signed = concat(idBytes(name.id), u32(2), idBytes(author), groupHead, await sha256(utf8(envelope.body)))
    const sig = new Uint8Array(Buffer.from(envelope.sig, 'base64url'))
    expect(verifySignature('kith/v1/card', signed, sig, publicKeyOf(seed))).toBe(true)
    expect(Object.keys(envelope)).toEqual(['author', 'groupHead', 'body', 'sig'])
  })

  it.each<[string, (sealed: Bytes) => Promise<unknown>]>([
    ['of another item', (s) => open(s, { ...name, id: newMediaId() })],
    ['of an older revision under a newer number', (s) => open(s, { ...name, revision: 3 })],
    ['of another kind', (s) => open(s, { ...name, label: 'kith/v1/comment' })],
    ['under another key', (s) => open(s, name, newKey())],
    ['changed by a bit', (s) => open(flip(s, s.length >> 1))],
    ['cut short', (s) => open(s.slice(0, -1))],
    ['that is empty', () => open(new Uint8Array(0))],
    ['signed by somebody else', async () => open(await seal(newKey()))],
    ['whose author is exchanged', async (s) => open(await forge(s, (e) => ({ ...e, author: newUserId() })))],
    [
      'whose head of the log another member exchanged',
      async (s) => open(await forge(s, (e) => ({ ...e, groupHead: toBase64Url(randomBytes(32)) }))),
    ],
    ['whose body another member changed', async (s) => open(await forge(s, (e) => ({ ...e, body: `${e.body} ` })))],
    ['with something added', async (s) => open(await forge(s, (e) => ({ ...e, more: 1 })))],
    ['without a signature', async (s) => open(await forge(s, ({ sig: _, ...e }) => e))],
  ])('%s is refused', async (_, attempt) => expect(attempt(await seal())).rejects.toMatchObject(tampered))

  it('has a size that tells nothing of a title', async () => {
    const sizeOf = async (title: string) => {
      const content = { author, groupHead, schema: card, body: { ...body, title } }
      return (await sealDocument(name, key, { ...content, sign: (...signed) => sign(seed, ...signed) })).length
    }
    expect(await sizeOf('a')).toBe(await sizeOf('a'.repeat(60)))
    expect((await sizeOf('a')) % 256).toBe(12 + 16)
  })

  it('is refused when its author wrote what the schema does not have', async () => {
    const sealed = await sealDocument(name, key, {
      author,
      groupHead,
      schema: groupProfileBody,
      body: { name: 'Us' },
      sign: (...signed) => sign(seed, ...signed),
    })
    await expect(open(sealed)).rejects.toMatchObject(tampered)
  })

  it('may not be older than one that was seen', () => {
    expect(() => checkRevision(2, 1)).toThrow(expect.objectContaining({ code: 'card/rollback' }))
    for (const shown of [2, 3]) expect(() => checkRevision(2, shown)).not.toThrow()
  })

  it('has a key of its own for each kind', async () => {
    const group = newGroupId()
    expect(await workerDocumentKey(key)).not.toEqual(await groupProfileKey(key, group))
    expect(await groupProfileKey(key, group)).not.toEqual(await groupProfileKey(key, newGroupId()))
  })
})

describe('the worker’s document', () => {
  const set = 'AAAAAAAAAAAAAAAAAAAAAA'
  const made = { v: 1, status: 'ready', set, master: `r/${set}/master-2.m3u8` }
  it('names objects of a set', () => expect(workerDocument.safeParse(made).success).toBe(true))
  it.each(['original', `r/${set}/../x`, `r/${set}//x`, `/r/${set}/x`, `r/${set}/`])('never names %s', (master) =>
    expect(workerDocument.safeParse({ ...made, master }).success).toBe(false),
  )
})
