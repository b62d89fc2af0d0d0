import { open } from 'node:fs/promises'

/** A file's bytes, or a folder's names, survive a power cut once this resolves. */
export async function makeDurable(path: string): Promise<void> {
  const file = await open(path, 'r')
  await file.sync().finally(() => file.close())
}
