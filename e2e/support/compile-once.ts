import { World } from './world.ts'

/** Starts and ends a whole Kith: what Node compiles of it is written down at its end, and every later start finds it. */
// biome-ignore lint/style/noDefaultExport: Playwright asks for one
export default async function compileOnce(): Promise<void> {
  if (!process.env.NODE_COMPILE_CACHE) return
  const world = await World.open()
  await world.worker?.stop()
  await world.server.stop()
  await world.close()
}
