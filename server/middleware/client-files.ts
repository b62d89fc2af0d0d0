import { createReadStream, type Dirent, readdirSync, statSync } from 'node:fs'
import { extname, join, posix, relative, sep } from 'node:path'
import type { Context, Middleware } from 'koa'

interface ClientFile {
  path: string
  sizeBytes: number
  etag: string
  type: string
  cacheControl: string
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
}

/**
 * The built client. The files are listed once: a request names one of them or none, so no path can lead out of the
 * folder. Everything else that a browser opens is the page itself, which has its own router.
 */
export function clientFiles(folder: string): Middleware {
  const files = listFiles(folder)
  return async (ctx, next) => {
    if ((ctx.method !== 'GET' && ctx.method !== 'HEAD') || ctx.path.startsWith('/api/')) return next()
    const file = files.get(ctx.path) ?? (isNavigation(ctx) ? files.get('/index.html') : undefined)
    if (file) return send(ctx, file)
    if (isNavigation(ctx) && files.size === 0) {
      ctx.status = 503
      ctx.type = 'text/plain; charset=utf-8'
      ctx.body = 'The client is not built yet: run `npm run build` and start Kith again.\n'
      return
    }
    return next()
  }
}

function isNavigation(ctx: Context): boolean {
  // A missing script or picture must fail as such and not arrive as the page.
  return ctx.accepts('html') !== false && ctx.get('Accept').includes('text/html') && extname(ctx.path) === ''
}

function send(ctx: Context, file: ClientFile): void {
  ctx.status = 200
  ctx.set('Cache-Control', file.cacheControl)
  ctx.set('ETag', file.etag)
  ctx.type = file.type
  // Without the header the page's worker may not take over the whole site.
  if (ctx.path === '/sw.js') ctx.set('Service-Worker-Allowed', '/')
  if (ctx.fresh) {
    ctx.status = 304
    return
  }
  ctx.length = file.sizeBytes
  if (ctx.method === 'HEAD') return
  ctx.body = createReadStream(file.path)
}

function listFiles(folder: string): Map<string, ClientFile> {
  const files = new Map<string, ClientFile>()
  for (const entry of entriesIn(folder)) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const { size, mtimeMs } = statSync(path)
    const url = posix.join('/', ...relative(folder, path).split(sep))
    const file: ClientFile = {
      path,
      sizeBytes: size,
      etag: `W/"${size.toString(36)}-${Math.floor(mtimeMs).toString(36)}"`,
      type: TYPES[extname(path)] ?? 'application/octet-stream',
      cacheControl: isHashed(url) ? 'public, max-age=31536000, immutable' : 'no-cache',
    }
    files.set(url, file)
    if (url === '/index.html') files.set('/', file)
  }
  return files
}

/** vite puts what has its hash in its name into `assets/`. */
function isHashed(url: string): boolean {
  return /^\/assets\/.+-[\w-]{8,}\.\w+$/.test(url)
}

function entriesIn(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
