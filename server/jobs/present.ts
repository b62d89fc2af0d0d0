import type { JobView } from '../../shared/wire/jobs.ts'
import type { JobRow } from './rows.ts'

/** What people see of a job. */
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
