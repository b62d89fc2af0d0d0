import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Builder, Capabilities, type WebElement } from 'selenium-webdriver'
import type { Engine } from './engine.ts'

const BROWSERS = [
  '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser',
  '/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser',
]

/** WebKitGTK, the engine nearest to Safari that runs here, by its own driver under Xvfb. */
export async function openWebKit(): Promise<Engine> {
  const home = await mkdtemp(join(tmpdir(), 'kith-webkit-'))
  const screen = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  const display = await firstLine(screen)
  const port = await freePort()
  const driver = spawn(process.env.KITH_WEBKIT_DRIVER ?? 'WebKitWebDriver', [`--port=${port}`], {
    env: {
      PATH: process.env.PATH,
      DISPLAY: `:${display}`,
      HOME: home,
      XDG_RUNTIME_DIR: home,
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1', // needs user namespaces, which containers and root sessions often lack
      LIBGL_ALWAYS_SOFTWARE: '1',
      GST_PLUGIN_FEATURE_RANK: 'fakeaudiosink:MAX', // no sound card
    },
    stdio: 'ignore',
  })
  await listening(port)
  const binary = process.env.KITH_WEBKIT ?? BROWSERS.find((path) => existsSync(path))
  const session = await new Builder()
    .usingServer(`http://127.0.0.1:${port}`)
    .withCapabilities(
      new Capabilities({
        browserName: 'MiniBrowser',
        'webkitgtk:browserOptions': { binary, args: ['--automation'] },
        timeouts: { script: 180_000, pageLoad: 60_000 },
      }),
    )
    .build()
  await session.manage().window().setRect({ width: 400, height: 900 })
  return {
    name: 'WebKitGTK',
    version: String((await session.getCapabilities()).getBrowserVersion()),
    goto: (url) => session.get(url),
    async run(expression) {
      const result = await session.executeAsyncScript<{ value?: unknown; error?: string }>(
        `const done = arguments[arguments.length - 1]
        Promise.resolve().then(() => ${expression}).then((value) => done({ value: value ?? null }), (error) => done({ error: String(error) }))`,
      )
      if (result.error !== undefined) throw new Error(result.error)
      return result.value as never
    },
    async upload(find, files) {
      const input = await session.executeScript<WebElement>(`return ${find}`)
      await input.sendKeys(files.join('\n'))
    },
    screenshot: async (path) => writeFile(path, await session.takeScreenshot(), 'base64'),
    async close() {
      await session.quit().catch(() => undefined)
      await end(driver)
      await end(screen)
      await rm(home, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  const pipe = child.stdio[3]
  if (!pipe) throw new Error('Xvfb has no pipe')
  const [line] = (await Promise.race([
    once(createInterface({ input: pipe as NodeJS.ReadableStream }), 'line'),
    once(child, 'error').then(([error]) => Promise.reject(error)),
  ])) as [string]
  return line
}

async function listening(port: number): Promise<void> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/status`).catch(() => null)
    if (answer?.ok) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  return port
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill()
  await once(child, 'exit')
}
