import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB, type StoreNames } from 'idb'
import type { ErrorCode } from '../errors.ts'
import type { Bytes } from '../format/bytes.ts'
import type { ConnectionId, DeviceId, GroupId, MediaId, ObjectId, UserId } from '../format/ids.ts'
import type { IdentityPin } from '../logs/identity.ts'
import type { MediaRecord } from '../wire/media.ts'
import { removeHalf } from './device-half.ts'
import { removeAllPieces } from './kept-pieces.ts'
import { PICTURES_CACHE } from './pictures.ts'

/** Who uses this device; nothing secret. */
export type DeviceAccount = {
  readonly userId: UserId
  readonly username: string
  readonly deviceId: DeviceId
  /** Pinned at registration: a server with another one is another server (docs/protocol.md §3). */
  readonly serverKey: string
  /** Newest vault index seen; an older one is refused. */
  readonly vaultVersion: number
  /** Newest statement of one's own identity log that was seen here; `null`: none yet. */
  readonly identity: IdentityPin | null
}

/** The device's database, the same for page, Web Workers and Service Worker. Bytes in it are ciphertext. */
export interface DeviceSchema extends DBSchema {
  /** Non-extractable AES keys: `device` while unlocked, `lock` always (docs/protocol.md §8). */
  keys: { key: 'device' | 'lock' | 'passkey'; value: CryptoKey }
  account: { key: 'current'; value: DeviceAccount }
  /** What a password unlocks without the server: salt, and the account key sealed twice. */
  unlock: { key: 'password'; value: { salt: Bytes; sealed: Bytes } }
  /**
   * What a passkey unlocks without the server: which one, the input of its pseudo-random function, and the account key
   * sealed to what comes out of that; `check` tells whether it is still the account's key.
   */
  passkey: { key: 'current'; value: { credentialId: Bytes; input: Bytes; sealed: Bytes; check: Bytes } }
  /** Public half of the key that shares to this device are sealed to, locked or not. */
  shareKey: { key: 'current'; value: Bytes }
  /** What waits from the system's share sheet; and pieces of that and of files that uploads keep: share or upload, file, piece. */
  shares: { key: string; value: ShareRow }
  sharePieces: { key: [string, number, number]; value: Bytes }
  /** Small values sealed under the device key, by name. */
  sealed: { key: string; value: Bytes }
  /** The vault as the server keeps it, for unlocking offline; the index under `index`. */
  vault: { key: string; value: { name: string; version: number; sealed: Bytes } }
  /** Log and name of each group as last served, sealed under a key of the account key: they outlive a lock. */
  groups: { key: GroupId; value: Bytes }
  media: { key: MediaId; value: MediaRecord; indexes: { byGroup: [GroupId, number, MediaId] } }
  /** What was opened of a group's items, in buckets, sealed under a key of the account key (`opened-store.ts`). */
  opened: { key: [GroupId, number]; value: Bytes }
  /** How far the changes of a group are known. */
  cursors: { key: GroupId; value: MediaCursor }
  /** Highest revisions that were ever seen: they outlive what is deleted. */
  seen: { key: MediaId; value: SeenItem }
  uploads: { key: MediaId; value: UploadRow }
  /** Plaintext hashes of the chunks of each spooled piece, sealed; the pieces themselves where there is no file system. */
  pieces: { key: [MediaId, number]; value: { sealedHashes: Bytes } }
  /** Bytes, not Blobs: WebKit refuses those in private windows. */
  blobs: { key: [MediaId, number]; value: Bytes }
  /** Keys of items that came in messages or were made for them, sealed. */
  granted: { key: MediaId; value: Bytes }
  /** Log and state of each connection as last served, sealed under a key of the account key: they outlive a lock. */
  connections: { key: ConnectionId; value: Bytes }
  /** What is known of each conversation: cursors, windows, marks, draft; sealed under a key of the account key. */
  conversations: { key: ConnectionId; value: Bytes }
  /** Verified messages, sealed likewise, in the order of the conversation: lamport, then sender and device. */
  messages: {
    key: [ConnectionId, number, string]
    value: MessageRow
    indexes: { byExpiry: number; byPlace: [ConnectionId, string]; byMedia: MediaId }
  }
  /** Reactions and edits, beside the message that they are about: `[connection, its place, their own place]`. */
  effects: {
    key: [ConnectionId, string, string]
    value: EffectRow
    indexes: { byExpiry: number; byPlace: [ConnectionId, string]; byMedia: MediaId }
  }
  /** How this device announces what comes, and up to where it has; sealed under the key `lock`. */
  push: { key: 'settings' | 'state'; value: Bytes }
  /** Messages on their way, in the order they were written. */
  outbox: { key: [ConnectionId, number]; value: OutboxRow }
  /** Items that stay on this device; their ciphertext lies in Cache Storage (`kept-pieces.ts`). */
  kept: { key: MediaId; value: KeptRow }
  /** How many of a group's newest items stay on this device. */
  keepRules: { key: GroupId; value: KeepRule }
}

/** What somebody keeps on this device of one item, and how far it has come. Ids alone: no name, no type. */
export type KeptRow = {
  readonly mediaId: MediaId
  readonly groupId: GroupId | null
  /**
   * `waiting`: in line, `unmade`: until the worker has made what is to be kept, `kept`: all of it is here, `paused`: by the
   * person, `no-room`: nothing of it is here, `refused`: taken off by hand, so that no rule brings it again.
   */
  readonly state: 'waiting' | 'unmade' | 'kept' | 'paused' | 'no-room' | 'failed' | 'refused'
  /** Height in lines of what is kept of a video; null: the original. */
  readonly height: number | null
  /**
   * Where nobody chose a height, it is the largest there is up to so many lines, also when the worker makes more; null: the
   * original. Missing: chosen by hand, or of a rule and not noted.
   */
  readonly most?: number | null
  /** Revision of the worker's document that the objects were taken from. */
  readonly revision: number
  /** Name of the playlist that it plays by here, whatever the worker has made since; missing: by none, or not noted. */
  readonly master?: string
  /** Everything that playing it asks for; while it is fetched anew also what it played by before. `sealedBytes`: all of it is here, and it opened. */
  readonly objects: readonly { readonly objectId: ObjectId; readonly sealedBytes: number | null }[]
  readonly problem: ErrorCode | null
  /** What was whole before something else of the item was fetched: where there is no room for that, it stays. */
  readonly before?: Pick<KeptRow, 'height' | 'most' | 'revision' | 'master' | 'objects'>
  /** Revision of the worker's document for which there was no room. */
  readonly tooLarge?: number
  /** Revision of the worker's document at which the person did not want anything else than what is kept. */
  readonly cancelled?: number
  readonly createdAt: number
  /** Least recently watched goes first when room is made. */
  readonly watchedAt: number
  /** Kept because it was among the newest; leaves when it no longer is. */
  readonly byRule: boolean
}
/** `most`: as in a row; missing: what suits a phone. */
export type KeepRule = { readonly newest: number; readonly most?: number | null }

export type MessageRow = {
  readonly connectionId: ConnectionId
  readonly lamport: number
  /** `<senderId>.<deviceId>.<counter>` */
  readonly place: string
  readonly epoch: number
  /** Missing: stays. */
  readonly expiresAt?: number
  /** The item that it carries: its key stays in `granted` for as long as some message names it. */
  readonly media?: MediaId
  readonly sealed: Bytes
}

/** What changes another message, or stands where one was deleted on this device alone: then it is its own target. */
export type EffectRow = MessageRow & { readonly target: string }

/** What is to be sent; once sealed for the friend, those bytes are sent again and again until the server has them. */
export type OutboxRow = {
  readonly connectionId: ConnectionId
  readonly order: number
  /** Content and where it stands, sealed under a key of the account key. */
  readonly sealed: Bytes
  /** The message as it goes to the server; null: not sealed yet. */
  readonly message: { readonly epoch: number; readonly counter: number; readonly bytes: Bytes } | null
  readonly ttlMs: number | null
}

/** Changes up to `changeSeq` are known, and were fetched when the group's log was known up to `groupSeq`. */
export type MediaCursor = { readonly changeSeq: number; readonly groupSeq: number }
/** `notBefore`: everything there was had been seen when the group's log stood at this seq, and this was not among it. */
export type SeenRevision = { readonly revision: number; readonly notBefore: number }
export type SeenItem = { readonly groupId: GroupId; readonly card: SeenRevision; readonly document: SeenRevision }

/** An upload on this device: what it is lies sealed in `sealed`, where it stands beside it. */
export type UploadRow = {
  readonly mediaId: MediaId
  readonly groupId: GroupId
  readonly createdAt: number
  readonly sealed: Bytes
  readonly step: 'register' | 'thumb' | 'original' | 'finish' | 'done'
  /** Pieces that were sealed and whose hashes are recorded, from the first on. */
  readonly sealedPieces: number
  /** All is sealed, and what the server has not got lies on this device: it goes on without the file. */
  readonly isSpooled: boolean
  readonly sentBytes: number
  /** Where tus goes on. */
  readonly uploadUrl: string | null
  readonly problem: string | null
  /** Where its file lies sealed on this device; missing: it does not. */
  readonly copy?: SealedFile
}

/** A file in `sharePieces`. */
export type SealedFile = { readonly id: string; readonly file: number }

/** Sealed to the device's share key; `sealed` says what it is. */
export type ShareRow = {
  readonly id: string
  readonly createdAt: number
  readonly ephemeral: Bytes
  readonly sealed: Bytes
}

const NAME = 'kith'
const VERSION = 14

export type DeviceDb = IDBPDatabase<DeviceSchema>
let opening: Promise<DeviceDb> | undefined

/** Opens the database once for each realm; opened anew after the browser closed it. */
export function openDevice(): Promise<DeviceDb> {
  opening ??= openDatabase(NAME, () => {
    opening = undefined
  }).catch((error: unknown) => {
    opening = undefined
    throw error
  })
  return opening
}

/** @param onClosed the browser took it away. */
export function openDatabase(name: string, onClosed: () => void): Promise<DeviceDb> {
  return openDB<DeviceSchema>(name, VERSION, {
    upgrade(db, from, _to, transaction) {
      if (from < 2) createChat(db)
      if (from < 3) createKept(db)
      if (from < 5) db.createObjectStore('seen')
      if (from < 6) createEffects(db, transaction)
      if (from < 7) db.createObjectStore('push')
      if (from < 8) db.createObjectStore('connections')
      if (from < 10) db.createObjectStore('passkey')
      if (from < 11) for (const store of ['shareKey', 'shares', 'sharePieces'] as const) db.createObjectStore(store)
      if (from < 12) db.createObjectStore('opened')
      if (from < 14)
        for (const store of ['messages', 'effects'] as const)
          transaction.objectStore(store).createIndex('byMedia', 'media')
      // Uploads of the form before: nothing of them can be taken up.
      if (from >= 1 && from < 9)
        for (const store of ['uploads', 'pieces', 'blobs'] as const) void transaction.objectStore(store).clear()
      // Conversations of the form before: the server has them, and a device that begins anew takes them again.
      if (from >= 2 && from < 14)
        for (const store of ['conversations', 'messages', 'effects', 'outbox'] as const)
          void transaction.objectStore(store).clear()
      if (from >= 1) return
      for (const store of [
        'keys',
        'account',
        'unlock',
        'sealed',
        'vault',
        'groups',
        'cursors',
        'uploads',
        'pieces',
        'blobs',
      ] as const) {
        db.createObjectStore(store)
      }
      db.createObjectStore('media', { keyPath: 'mediaId' }).createIndex('byGroup', ['groupId', 'createdAt', 'mediaId'])
    },
    // A newer version in another tab must not wait for this one.
    blocking(_current, _blocked, event) {
      ;(event.target as IDBDatabase).close()
      onClosed()
    },
    terminated: onClosed,
  })
}

function createChat(db: DeviceDb): void {
  db.createObjectStore('granted')
  db.createObjectStore('conversations')
  db.createObjectStore('messages', { keyPath: ['connectionId', 'lamport', 'place'] }).createIndex(
    'byExpiry',
    'expiresAt',
  )
  db.createObjectStore('outbox', { keyPath: ['connectionId', 'order'] })
}

function createKept(db: DeviceDb): void {
  db.createObjectStore('kept', { keyPath: 'mediaId' })
  db.createObjectStore('keepRules')
}

function createEffects(
  db: DeviceDb,
  transaction: IDBPTransaction<DeviceSchema, ArrayLike<StoreNames<DeviceSchema>>, 'versionchange'>,
): void {
  transaction.objectStore('messages').createIndex('byPlace', ['connectionId', 'place'])
  const effects = db.createObjectStore('effects', { keyPath: ['connectionId', 'target', 'place'] })
  effects.createIndex('byExpiry', 'expiresAt')
  effects.createIndex('byPlace', ['connectionId', 'place'])
}

/** Forgets everything on this device. */
export async function eraseDevice(): Promise<void> {
  // First, and quick: a Service Worker may be stopped before it has taken away all the rest.
  await removeHalf()
  const db = await openDevice()
  const stores = [...db.objectStoreNames]
  const transaction = db.transaction(stores, 'readwrite')
  await Promise.all([...stores.map((store) => transaction.objectStore(store).clear()), transaction.done])
  await eraseCiphertext()
}

/** What lies beside the database: of no use to anybody without it, but in the way of others. */
export async function eraseCiphertext(): Promise<void> {
  await removeAllPieces()
  await globalThis.caches?.delete(PICTURES_CACHE).catch(() => false)
}
