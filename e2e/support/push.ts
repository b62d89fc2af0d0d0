import { type BrowserContext, expect } from '@playwright/test'

export type WorkerScope = { registration: ServiceWorkerRegistration }

/** Chromium has no push service here: what it would bring is brought by hand, from a page that is not Kith's. */
export async function pushDoor(context: BrowserContext, origin: string) {
  const devtools = await context.newCDPSession(await context.newPage())
  const registered = new Promise<string>((resolve) => {
    devtools.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const [first] = registrations
      if (first) resolve(first.registrationId)
    })
  })
  await devtools.send('ServiceWorker.enable')
  const worker = { origin, registrationId: await registered }
  const inWorker = <T>(run: () => Promise<T>) => context.serviceWorkers()[0]?.evaluate(run)
  const shown = () => inWorker(notificationsShown)
  return {
    inWorker,
    shown,
    sync: (tag: string) => devtools.send('ServiceWorker.dispatchSyncEvent', { ...worker, tag, lastChance: false }),
    /** A page that was left counts for a moment longer: whoever looks at Kith is told nothing. */
    untilNobodyLooks: () => expect.poll(() => inWorker(pagesWatched)).toBe(0),
    /** This door loses a push for a worker that is just being stopped; a second one has nothing new to say. */
    wakesTo: (expected: string[]) =>
      expect(async () => {
        await devtools.send('ServiceWorker.deliverPushMessage', { ...worker, data: '' })
        await expect.poll(shown, { timeout: 4000 }).toEqual(expected)
      }).toPass({ timeout: 30_000 }),
  }
}

/** In the Service Worker: pages that somebody looks at. */
async function pagesWatched(): Promise<number> {
  const { clients } = globalThis as unknown as { clients: Clients }
  return (await clients.matchAll({ type: 'window' })).filter((page) => page.visibilityState === 'visible').length
}

async function notificationsShown(): Promise<string[]> {
  const { registration } = globalThis as unknown as WorkerScope
  return (await registration.getNotifications()).map(
    ({ title, body, silent }) => `${title}: ${body}${silent ? ', silently' : ''}`,
  )
}
