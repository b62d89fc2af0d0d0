import type { UserId } from '../../shared/format/ids.ts'
import type { JobView } from '../../shared/wire/jobs.ts'
import type { MediaRecord } from '../../shared/wire/media.ts'
import type { JobRow, MediaRow } from '../db/rows.ts'
import { toBytes } from '../format.ts'

/** What members see of a job; no worker, no lease. */
export function presentJob(row: JobRow): JobView {
  return {
    jobId: row.job_id,
    groupId: row.group_id,
    mediaId: row.media_id,
    state: row.state,
    stage: row.stage,
    permille: row.permille,
    etaMs: row.eta_ms,
    waitReason: row.wait_reason,
    failure: row.failure,
    attempt: row.attempt,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

export function presentMedia(row: MediaRow, job: JobRow | undefined): MediaRecord {
  return {
    mediaId: row.media_id,
    groupId: row.group_id,
    authorId: row.author_id,
    epoch: row.epoch,
    wrappedContent: toBytes(row.wrapped_content),
    wrappedCard: toBytes(row.wrapped_card),
    card: { revision: row.card_revision, sealed: toBytes(row.card_sealed) },
    workerDocument:
      row.document_sealed && row.document_worker
        ? { revision: row.document_revision, sealed: toBytes(row.document_sealed), workerId: row.document_worker }
        : null,
    state: row.deleted_at === null ? row.state : 'deleted',
    job: job ? presentJob(job) : null,
    createdAt: row.created_at,
    changeSeq: row.change_seq,
  }
}

/**
 * For a friend outside the group: what is sealed for the group is left out, and who gave it stands in for its author,
 * whom the friend need not know.
 */
export function presentGranted(record: MediaRecord, granterId: UserId): MediaRecord {
  return {
    ...record,
    authorId: granterId,
    wrappedContent: new Uint8Array(60),
    wrappedCard: new Uint8Array(60),
    card: { revision: 0, sealed: new Uint8Array(28) },
  }
}
