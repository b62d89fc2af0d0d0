import type { WorkerMessage } from '../shared/wire/page-sw.ts'

/** The page that is open goes there; else a new one. */
export async function openPage(clients: Pick<Clients, 'matchAll' | 'openWindow'>, url: string): Promise<void> {
  const [page] = await clients.matchAll({ type: 'window' })
  if (!page) {
    await clients.openWindow(url)
    return
  }
  await page.focus()
  page.postMessage({ type: 'open', path: url } satisfies WorkerMessage)
}
