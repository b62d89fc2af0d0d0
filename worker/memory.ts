/** How much may be read before what was read is collected. */
const EVERY_BYTES = 2 * 2 ** 20

type Collect = (options: { type: 'minor' }) => void

/**
 * Buffers are small for V8, and large for the machine: it would collect some 64 MB of them at a time. Where the worker
 * was started by `bin/frugal`, young ones are collected as they are used up; elsewhere this does nothing.
 * @returns told how many bytes were read, or written.
 */
export function createCollector(collect = (globalThis as { gc?: Collect }).gc): (bytes: number) => void {
  let since = 0
  return (bytes) => {
    since += bytes
    if (!collect || since < EVERY_BYTES) return
    since = 0
    collect({ type: 'minor' })
  }
}
