import { early } from './app/early.ts'
import { firstPaint, nextTask } from './app/next-task.ts'
import { applyTheme } from './app/theme.ts'
import { installTrustedTypes } from './app/trusted-types.ts'
import { wakeCryptoWorker } from './workers/crypto-worker.ts'

/** In a task each: made in one, they would hold up a phone (vite.config.ts). */
const PARTS: readonly (() => Promise<unknown>)[] = [
  () => import('../shared/wire/primitives.ts'),
  () => import('./app/contract.ts'),
  () => import('./app/kith-app.ts'),
]

async function begin(): Promise<void> {
  // What lies in the page shows before the program takes the processor.
  await firstPaint()
  // Whoever was here before has it on the device: nothing that a first visit waits for comes later for it.
  if (navigator.serviceWorker?.controller) wakeCryptoWorker()
  for (const part of PARTS) {
    await part()
    await nextTask()
  }
  const { start } = await import('./app/start.ts')
  await nextTask()
  start()
}

early.listen()
installTrustedTypes()
applyTheme()
begin().catch((error: unknown) => {
  reportError(error)
  early.giveBack()
  const said = document.querySelector('.splash p')
  if (said) said.textContent = 'Kith could not be loaded. Check the network and reload the page.'
})
