import type { MediaId, ObjectId } from '../format/ids.ts'

/** Ciphertext of small pictures that were shown: the library and the chats have theirs without network, too. */
export const PICTURES_CACHE = 'kith/pictures'

/** Never asked of a network: only a name inside the cache. */
export const pictureUrl = (media: MediaId, object: ObjectId): string => `/pictures/${media}/${object}`
