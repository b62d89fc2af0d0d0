import { request } from 'node:https'
import webPush from 'web-push'
import type { Secrets } from '../secrets.ts'
import { checkEndpoint, isAllowed, lookupPublic } from './endpoint.ts'

const TTL_S = 86_400
const TIMEOUT_MS = 15_000

export interface PushPost {
  endpoint: string
  topic: string
  vapid: Secrets['vapid']
  /** Who answers for it: an https or mailto address (RFC 8292 §2.1). */
  subject: string
  privateHosts: readonly string[]
  signal: AbortSignal
}

/**
 * RFC 8030: one empty push message. Nothing of the answer is read but its status: the other end may be anybody.
 * @returns the status. @throws where nobody answers
 */
export async function postPush({ endpoint, topic, vapid, subject, privateHosts, signal }: PushPost): Promise<number> {
  const url = checkEndpoint(endpoint, privateHosts)
  const { method, headers } = webPush.generateRequestDetails({ endpoint, keys: { p256dh: '', auth: '' } }, null, {
    TTL: TTL_S,
    urgency: 'normal',
    topic,
    vapidDetails: { subject, ...vapid },
  })
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method,
      headers,
      agent: false,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      ...(isAllowed(url, privateHosts) ? {} : { lookup: lookupPublic }),
    })
    sent.once('response', (response) => {
      // Redirects are not followed: they would lead around the rule above.
      resolve(response.statusCode ?? 0)
      response.destroy()
    })
    sent.once('error', reject)
    sent.end()
  })
}
