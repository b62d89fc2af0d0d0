import type {
  DeviceId,
  GroupId,
  InviteId,
  JobId,
  MediaId,
  MemberId,
  ObjectId,
  UserId,
  WorkerId,
} from '../../shared/format/ids.ts'
import type { JobView } from '../../shared/wire/jobs.ts'

/** Rows as SQLite gives them: booleans are 0 and 1, bytes are `Buffer`s, times are milliseconds since 1970. */
export interface AccountRow {
  user_id: UserId
  username: string
  owns_instance: 0 | 1
  /** `null` once the destruction password was used. */
  recovery_key: Buffer | null
  created_at: number
}
export interface OpaqueRecordRow {
  user_id: UserId
  slot: 0 | 1
  record: string
}
export interface UnlockBoxRow {
  user_id: UserId
  method: 'password' | 'recovery' | 'passkey'
  sealed: Buffer
}
export interface VaultIndexRow {
  user_id: UserId
  version: number
  sealed: Buffer
}
export interface VaultItemRow extends VaultIndexRow {
  name: string
}
export interface SessionRow {
  token_hash: Buffer
  session_id: string
  user_id: UserId
  device_id: DeviceId
  created_at: number
  seen_at: number
}
export interface RemovedSessionRow {
  token_hash: Buffer
  removed_at: number
}
export interface LogEntryRow {
  seq: number
  bytes: Buffer
  sig: Buffer
  hash: Buffer
}
export interface IdentityEntryRow extends LogEntryRow {
  user_id: UserId
}
export interface GroupRow {
  group_id: GroupId
  /** Of the newest entry. */
  seq: number
  head: Buffer
  epoch: number
  created_at: number
}
export interface GroupEntryRow extends LogEntryRow {
  group_id: GroupId
}
export interface MembershipRow {
  group_id: GroupId
  member_id: MemberId
  kind: 'person' | 'worker'
  role: 'owner' | 'admin' | 'member' | 'worker'
}
export interface GroupBoxRow {
  group_id: GroupId
  epoch: number
  member_id: MemberId
  sealed: Buffer
}
export interface GroupProfileRow {
  group_id: GroupId
  revision: number
  sealed: Buffer
}
export interface InviteRow {
  group_id: GroupId
  invite_id: InviteId
  invite_pub: Buffer
  role: MembershipRow['role']
  expires_at: number
  uses_left: number
  /** Accounts that may still be made with it: else one invite would be worth any number of them. */
  signups_left: number
  sealed: Buffer
  code: string | null
}
export interface WorkerRow {
  worker_id: WorkerId
  identity_key: Buffer
  statement_bytes: Buffer
  statement_sig: Buffer
  created_at: number
  last_seen_at: number
}
export interface WorkerTokenRow {
  token_hash: Buffer
  worker_id: WorkerId
  expires_at: number
}
export interface MediaRow {
  media_id: MediaId
  group_id: GroupId
  author_id: UserId
  epoch: number
  wrapped_content: Buffer
  wrapped_card: Buffer
  card_revision: number
  card_sealed: Buffer
  /** 0: none yet. */
  document_revision: number
  document_sealed: Buffer | null
  document_worker: WorkerId | null
  document_fence: number | null
  state: 'uploading' | 'ready'
  deleted_at: number | null
  change_seq: number
  created_at: number
}
export interface ObjectRow {
  media_id: MediaId
  object_id: ObjectId
  size_bytes: number
  sha256: Buffer
  fence: number | null
  created_at: number
}
export interface JobRow {
  job_id: JobId
  media_id: MediaId
  group_id: GroupId
  state: JobView['state']
  stage: JobView['stage']
  permille: number
  eta_ms: number | null
  wait_reason: JobView['waitReason']
  failure: JobView['failure']
  /** Leases that ended without success. */
  attempt: number
  fence: number
  completed_fence: number | null
  worker_id: WorkerId | null
  lease_until: number | null
  cancel_requested: 0 | 1
  created_at: number
  updated_at: number
}
