import type * as z from 'zod/mini'
import type { GroupId, JobId, MediaId, WorkerId } from '../../shared/format/ids.ts'
import type { failureCode, JobView, jobStage, waitReason } from '../../shared/wire/jobs.ts'

export type WaitReason = z.output<typeof waitReason>
export type JobStage = z.output<typeof jobStage>
export type FailureCode = z.output<typeof failureCode>

export interface JobRow {
  job_id: JobId
  media_id: MediaId
  group_id: GroupId
  state: JobView['state']
  stage: JobStage | null
  permille: number
  eta_ms: number | null
  wait_reason: WaitReason | null
  failure: FailureCode | null
  attempt: number
  fence: number
  worker_id: WorkerId | null
  lease_expires_at: number | null
  cancel_requested: 0 | 1
  completed_fence: number | null
  position: number
  created_at: number
  updated_at: number
}
