import type { GroupId, MediaId, ObjectId, UserId, WorkerId } from '../../shared/format/ids.ts'

export interface MediaRow {
  media_id: MediaId
  group_id: GroupId
  author_id: UserId
  epoch: number
  wrapped_content: Buffer
  wrapped_card: Buffer
  card_revision: number
  card: Buffer
  /** 0: none yet. */
  document_revision: number
  document: Buffer | null
  document_worker_id: WorkerId | null
  document_fence: number | null
  original_id: ObjectId | null
  created_at: number
  ready_at: number | null
  deleted_at: number | null
  /** Then only the fact is left, for devices that were away: no objects, no keys, no card. */
  erased_at: number | null
  change_seq: number
}
export interface MediaCounterRow {
  group_id: GroupId
  change_seq: number
}
export interface ObjectRow {
  media_id: MediaId
  object_id: ObjectId
  size: number
  sha256: Buffer
  fence: number | null
  created_at: number
}
