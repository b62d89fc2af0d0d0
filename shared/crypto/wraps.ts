import { AppError, UsageError } from '../errors.ts'
import { type Bytes, concat, u32 } from '../format/bytes.ts'
import { type GroupId, idBytes, type MediaId } from '../format/ids.ts'
import { importAesKey, openAes, sealAes } from './aes-gcm.ts'
import { hkdf } from './hkdf.ts'

/** Which item, in which group, under which epoch's key. */
export type WrapContext = { readonly mediaId: MediaId; readonly groupId: GroupId; readonly epoch: number }

const KEY_BYTES = 32

/** docs/protocol.md §7. `subkey` is `media_e` for the content key, `meta_e` for the card key. Result: 60 bytes. */
const wrap =
  (label: string) =>
  async (subkey: Bytes, context: WrapContext, key: Bytes): Promise<Bytes> => {
    if (key.length !== KEY_BYTES) throw new UsageError(`a key has ${KEY_BYTES} bytes`)
    return sealAes(await wrappingKey(label, subkey, context), key, aadOf(context))
  }

/** @throws {AppError} `key/unavailable` when it was not wrapped for this item, group and epoch, or is no key. */
const unwrap =
  (label: string) =>
  async (subkey: Bytes, context: WrapContext, wrapped: Bytes): Promise<Bytes> => {
    try {
      const key = await openAes(await wrappingKey(label, subkey, context), wrapped, aadOf(context))
      // A member could wrap an empty "key" that everybody can derive from.
      if (key.length !== KEY_BYTES) throw new Error('wrong length')
      return key
    } catch (cause) {
      throw new AppError('key/unavailable', 'the item’s key does not open', { cause })
    }
  }

const CONTENT = 'kith/v1/wrap-content'
const CARD = 'kith/v1/wrap-card'
export const wrapContentKey = wrap(CONTENT)
export const unwrapContentKey = unwrap(CONTENT)
export const wrapCardKey = wrap(CARD)
export const unwrapCardKey = unwrap(CARD)

async function wrappingKey(label: string, subkey: Bytes, context: WrapContext): Promise<CryptoKey> {
  return importAesKey(await hkdf(subkey, idBytes(context.mediaId), label, 32))
}

function aadOf({ mediaId, groupId, epoch }: WrapContext): Bytes {
  return concat(idBytes(mediaId), idBytes(groupId), u32(epoch))
}
