import type Sodium from 'libsodium-wrappers'

let loading: Promise<typeof Sodium> | undefined

/** libsodium, compiled once for each program. Half a megabyte: never in the Service Worker or the page's first script. */
export function sodium(): Promise<typeof Sodium> {
  loading ??= import('libsodium-wrappers').then(async ({ default: library }) => {
    await library.ready
    return library
  })
  return loading
}
