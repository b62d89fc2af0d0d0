import { randomBytes } from 'node:crypto'
import type { Bytes } from '../../shared/format/bytes.ts'
import { type GroupId, type MediaId, type ObjectId, parseMediaId, parseObjectId } from '../../shared/format/ids.ts'
import { createMedia, finishMedia, type NewMedia, objectPath, UPLOADS_PATH } from '../../shared/wire/media.ts'
import { randomId } from './seed.ts'
import type { TestClient } from './test-client.ts'

export const someBytes = (length: number): Bytes => new Uint8Array(randomBytes(length))
export const newObjectId = (): ObjectId => parseObjectId(randomId())

/** An item as a device makes it; the server cannot tell it from a true one. */
export function newItem(groupId: GroupId, epoch = 1): NewMedia {
  return {
    mediaId: parseMediaId(randomId()),
    groupId,
    epoch,
    wrappedContent: someBytes(60),
    wrappedCard: someBytes(60),
    card: { revision: 1, sealed: someBytes(100) },
  }
}

export function putBytes(client: TestClient, media: MediaId, object: ObjectId, body: Bytes, lease?: string) {
  return client.fetch(objectPath(media, object), {
    method: 'PUT',
    body,
    headers: lease === undefined ? {} : { 'X-Kith-Lease': lease },
  })
}

/** An item with its original, shown to all and with its job. */
export async function uploadItem(client: TestClient, groupId: GroupId, body: Bytes = someBytes(1000)) {
  const item = newItem(groupId)
  const originalId = newObjectId()
  await client.call(createMedia, { body: item })
  await putBytes(client, item.mediaId, originalId, body)
  const { mediaId } = item
  return {
    mediaId,
    originalId,
    body,
    record: await client.call(finishMedia, { params: { mediaId }, body: { originalId } }),
  }
}

const TUS = { 'Tus-Resumable': '1.0.0' }

export function createUpload(client: TestClient, media: string, object: string, sizeBytes: number) {
  const metadata = Object.entries({ mediaId: media, objectId: object })
  return client.fetch(UPLOADS_PATH, {
    method: 'POST',
    headers: {
      ...TUS,
      'Upload-Length': String(sizeBytes),
      'Upload-Metadata': metadata.map(([name, value]) => `${name} ${btoa(value)}`).join(','),
    },
  })
}

export function sendPiece(client: TestClient, path: string, offset: number, body: Bytes, checksum?: string) {
  return client.fetch(path, {
    method: 'PATCH',
    body,
    headers: {
      ...TUS,
      'Upload-Offset': String(offset),
      'Content-Type': 'application/offset+octet-stream',
      ...(checksum === undefined ? {} : { 'Upload-Checksum': checksum }),
    },
  })
}

export async function offsetOf(client: TestClient, path: string): Promise<number | null> {
  const response = await client.fetch(path, { method: 'HEAD', headers: TUS })
  return response.ok ? Number(response.headers.get('Upload-Offset')) : null
}
