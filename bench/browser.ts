import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Page } from '@playwright/test'
import { build } from 'vite'

/** Answers a path; `false` when it is not its own. */
export type Answer = (request: IncomingMessage, response: ServerResponse, path: string) => boolean | Promise<boolean>
export type Bundle = 'sw' | 'page' | 'upload'

/** A page in Debian's Chromium, its Service Worker, and the small server that both peers are measured against. */
export async function withBrowser<T>(
  bundles: readonly Bundle[],
  answer: Answer,
  run: (page: Page, origin: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'kith-bench-'))
  for (const name of bundles) await bundle(name, folder)
  const server = createServer(async (request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/'
    if (await answer(request, response, path)) return
    const script = bundles.find((name) => path === `/${name}.js`)
    if (script) return send(response, 'text/javascript', await readFile(join(folder, `${script}.js`)))
    send(
      response,
      'text/html',
      '<!doctype html><title>bench</title><input type="file"><script src="/page.js"></script>',
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const browser = await chromium.launch({
    executablePath: process.env.KITH_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-background-networking',
      '--autoplay-policy=no-user-gesture-required',
      '--mute-audio',
    ],
  })
  try {
    const page = await browser.newPage()
    page.on('pageerror', (error) => process.stderr.write(`${error.stack}\n`))
    const origin = `http://localhost:${(server.address() as AddressInfo).port}`
    await page.goto(origin)
    return await run(page, origin)
  } finally {
    await browser.close()
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

export function send(
  response: ServerResponse,
  type: string,
  body: Uint8Array | string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...headers })
  response.end(body)
}

/** Bytes with one range, as the product's server answers objects. */
export function sendBytes(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  type = 'application/octet-stream',
): void {
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  if (!range) {
    send(response, type, bytes)
    return
  }
  const start = Number(range[1])
  const end = Math.min(bytes.length, range[2] === '' ? bytes.length : Number(range[2]) + 1)
  response.writeHead(206, {
    'content-type': type,
    'content-length': end - start,
    'content-range': `bytes ${start}-${end - 1}/${bytes.length}`,
  })
  response.end(bytes.subarray(start, end))
}

async function bundle(name: Bundle, folder: string): Promise<void> {
  await build({
    configFile: false,
    logLevel: 'error',
    root: fileURLToPath(new URL('.', import.meta.url)),
    build: {
      outDir: folder,
      emptyOutDir: false,
      lib: {
        entry: fileURLToPath(new URL(`pages/${name}.ts`, import.meta.url)),
        formats: ['iife'],
        name: 'bench',
        fileName: () => `${name}.js`,
      },
    },
  })
}
