import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import { build } from 'vite'
import objects from '../shared/vectors/object.json' with { type: 'json' }
import lengths from '../shared/vectors/padme.json' with { type: 'json' }
import type { KnownAnswers } from './pages/known-answers.ts'

test('page and Service Worker seal, open and refuse as an independent implementation does', async ({
  page,
  context,
}) => {
  const script = await bundle()
  const server = createServer(({ url }, response) => {
    const isScript = url === '/known-answers.js'
    response.writeHead(200, { 'content-type': `${isScript ? 'text/javascript' : 'text/html'}; charset=utf-8` })
    response.end(
      isScript ? script : '<!doctype html><title>known answers</title><script src="/known-answers.js"></script>',
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}`)
    const registered = context.waitForEvent('serviceworker')
    await page.evaluate(async () => {
      await navigator.serviceWorker.register('/known-answers.js')
      await navigator.serviceWorker.ready
    })
    const worker = await registered
    const check = () => (globalThis as unknown as KnownAnswers).checkKnownAnswers()
    const looked = objects.cases.length + lengths.cases.length
    expect(await page.evaluate(check)).toEqual({ realm: 'Window', looked, faults: [] })
    expect(await worker.evaluate(check)).toEqual({ realm: 'ServiceWorkerGlobalScope', looked, faults: [] })
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

/** Kith's own code, and the vectors, as one script for both. */
async function bundle(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    root: fileURLToPath(new URL('.', import.meta.url)),
    build: {
      write: false,
      lib: {
        entry: fileURLToPath(new URL('pages/known-answers.ts', import.meta.url)),
        formats: ['iife'],
        name: 'knownAnswers',
        fileName: () => 'known-answers.js',
      },
    },
  })
  const [output] = [built].flat()
  if (!output || !('output' in output)) throw new Error('nothing was built')
  return output.output[0].code
}
