import type { Api } from './api.ts'

/** For whatever keeps the server running: alive at all, and able to take writes. */
export function registerHealth({ router, deps, guard }: Api): void {
  router.get('/healthz', (ctx) => {
    ctx.set('Cache-Control', 'no-store')
    ctx.body = { status: 'ok' }
  })
  router.get('/readyz', guard({ auth: 'none', limit: 'read' }), async (ctx) => {
    ctx.set('Cache-Control', 'no-store')
    const [database, blobs] = await Promise.all([
      isFine(async () => {
        if (deps.stopping.aborted) throw new Error('stopping')
        await deps.db.raw('select 1 from accounts limit 1')
      }),
      isFine(() => deps.blobs.checkWritable()),
    ])
    ctx.status = database && blobs ? 200 : 503
    ctx.body = { status: database && blobs ? 'ok' : 'unavailable', database, blobs }
  })
}

async function isFine(check: () => Promise<void>): Promise<boolean> {
  try {
    await check()
    return true
  } catch {
    return false
  }
}
