import { claimJob } from '../shared/wire/jobs.ts'
import { isPassing } from './api.ts'
import { createForecast } from './forecast.ts'
import { type JobPorts, runJob, sleep } from './job.ts'
import { checkGate, type Readings, type Thresholds } from './resources.ts'

const POLL_MS = 20_000
const AWAY_MS = 1000
const GATED_MS = 5000

/** What decides whether a job may start. */
export type Room = {
  readonly thresholds: Thresholds
  /** What the machine says now. */
  readonly read: () => Promise<Readings>
  /** How long to wait where there is none before looking again. */
  readonly againMs?: number
}

/** Takes jobs one after the other until it is told to stop. */
export async function claimLoop(ports: JobPorts, { thresholds, read, againMs = GATED_MS }: Room): Promise<void> {
  const { api, stopping, log } = ports
  const forecast = createForecast()
  let wasClosed: string | null = null
  while (!stopping.aborted) {
    const gate = checkGate(await read(), thresholds)
    if (!gate.open && gate.reason !== wasClosed) log('no room for a job', { reason: gate.reason, detail: gate.detail })
    wasClosed = gate.open ? null : gate.reason
    const estimate = forecast(gate)
    try {
      const closed = gate.open ? null : { reason: gate.reason, estimateMs: estimate }
      const { job } = await api.call(claimJob, { body: { waitMs: POLL_MS, gate: closed }, signal: stopping })
      if (job) await runJob(ports, job)
      else if (closed) await sleep(againMs, stopping)
    } catch (error) {
      if (stopping.aborted) return
      if (!isPassing(error)) log('claiming failed', { error: error instanceof Error ? error.message : String(error) })
      await sleep(AWAY_MS, stopping)
    }
  }
}
