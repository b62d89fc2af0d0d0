import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseWorkerId } from '../../shared/format/ids.ts'
import * as rules from './rules.ts'

const LEASE_MS = 60
const workers = ['AAAAAAAAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAAAAAAQ'].map(parseWorkerId)

const step = fc.oneof(
  fc.record({ do: fc.constant('claim' as const), worker: fc.constantFrom(...workers) }),
  fc.record({
    do: fc.constantFrom('complete' as const, 'fail' as const, 'final' as const, 'release' as const),
    holder: fc.nat(3),
  }),
  fc.record({ do: fc.constant('gate' as const), worker: fc.constantFrom(...workers) }),
  fc.record({ do: fc.constantFrom('cancel' as const, 'retry' as const) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.nat(100) }),
)

it('never has two holders, never more than three attempts, never lowers a fence, whatever happens', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let job = rules.NEW_JOB
      let now = 0
      const leases: { worker: (typeof workers)[number]; fence: number }[] = []
      const held = () => leases.filter(({ worker, fence }) => rules.holdsLease(job, worker, fence))
      for (const each of steps) {
        const before = job
        if (each.do === 'wait') now += each.ms
        if (each.do === 'cancel') job = rules.requestCancel(job)
        if (each.do === 'retry') job = rules.retry(job)
        if (each.do === 'gate' && rules.isClaimable(job)) job = rules.gate(job, each.worker, 'memory', null)
        if (each.do === 'claim') {
          if (rules.isExpired(job, now)) job = rules.failAttempt(job, 'job/stalled', false)
          if (rules.isClaimable(job)) {
            job = rules.lease(job, each.worker, now, LEASE_MS)
            leases.push({ worker: each.worker, fence: job.fence })
          }
        }
        if ('holder' in each) {
          const holder = leases.at(-1 - each.holder)
          if (holder && rules.holdsLease(job, holder.worker, holder.fence)) {
            if (each.do === 'complete') job = rules.complete(job)
            if (each.do === 'fail') job = rules.failAttempt(job, 'internal', false)
            if (each.do === 'final') job = rules.failAttempt(job, 'job/unprocessable', true)
            if (each.do === 'release') job = rules.release(job)
          }
        }
        expect(held().length).toBeLessThanOrEqual(1)
        expect(job.fence).toBeGreaterThanOrEqual(before.fence)
        expect(job.attempt).toBeLessThanOrEqual(rules.MAX_ATTEMPTS)
        if (before.state === 'done') expect(job).toEqual(before)
      }
    }),
  )
})

it('tries three times, then sets aside with the code', () => {
  let job = rules.NEW_JOB
  for (const state of ['queued', 'queued', 'failed']) {
    job = rules.failAttempt(rules.lease(job, workers[0] as (typeof workers)[number], 0, LEASE_MS), 'internal', false)
    expect(job.state).toBe(state)
  }
  expect(job.failure).toBe('internal')
  expect(rules.retry(job)).toMatchObject({ state: 'queued', attempt: 0, failure: null })
})

it('does not count what a worker gave back', () => {
  const leased = rules.lease(rules.NEW_JOB, workers[0] as (typeof workers)[number], 0, LEASE_MS)
  expect(rules.release(leased)).toMatchObject({ state: 'queued', attempt: 0 })
  expect(rules.release({ ...leased, cancel_requested: 1 }).state).toBe('cancelled')
})
