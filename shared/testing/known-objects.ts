import { sha256 } from '../crypto/hash.ts'
import { objectId } from '../crypto/object-key.ts'
import { openStream } from '../crypto/object-stream.ts'
import { openObject } from '../crypto/open-object.ts'
import { sealMadeObject, sealObject } from '../crypto/seal-object.ts'
import { isAppError } from '../errors.ts'
import { fromBase64Url, toBase64Url } from '../format/base64url.ts'
import { type Bytes, equalBytes } from '../format/bytes.ts'
import { parseMediaId } from '../format/ids.ts'
import vectors from '../vectors/object.json' with { type: 'json' }
import { collect, plaintext, split } from './objects.ts'

type KnownObject = (typeof vectors.cases)[number]
/** Sealed objects and what is wrong with some of them, as an independent implementation made them. */
export const knownObjects: readonly KnownObject[] = vectors.cases

const CODES: Record<string, string> = {
  header: 'object/bad-header',
  size: 'object/wrong-size',
  commitment: 'object/wrong-key',
  tampered: 'object/tampered',
}
const contentKey = fromBase64Url(vectors.contentKey)
const mediaId = parseMediaId(vectors.mediaId)

/** What Kith's code, wherever it runs, does otherwise than is known; `null`: nothing. */
export async function faultWith(known: KnownObject): Promise<string | null> {
  const named = { contentKey, mediaId, name: known.name }
  if ((await objectId(contentKey, known.name)) !== known.objectId) return 'its id is another one'
  const sealed = fromBase64Url(known.sealed)
  const ways: (() => Promise<Bytes>)[] = [
    () => openObject(named, sealed),
    () =>
      collect(
        openStream(
          named,
          sealed.length,
          split(
            sealed,
            [7, 100, 5000].map((at) => Math.min(at, sealed.length)),
          ),
        ),
      ),
  ]
  if (known.expect !== 'ok') {
    for (const open of ways) {
      const said = await open().then(() => 'ok', codeOf)
      if (said !== CODES[known.expect]) return `opening says ${said}`
    }
    return null
  }
  const plain = await plaintext(known.plainSeed ?? '', known.plainLength)
  if (toBase64Url(await sha256(plain)) !== known.plainSha256) return 'its plaintext is another one'
  for (const open of ways) if (!equalBytes(await open(), plain)) return 'it opens to something else'
  const again = await sealObject(named, plain, fromBase64Url(known.salt), known.chunkLog2)
  if (!equalBytes(again, sealed)) return 'it is sealed otherwise'
  if (known.comment !== 'deterministic salt') return null
  return equalBytes(await sealMadeObject(named, plain, known.chunkLog2), sealed) ? null : 'its salt is another one'
}

function codeOf(error: unknown): string {
  return isAppError(error) ? error.code : String(error)
}
