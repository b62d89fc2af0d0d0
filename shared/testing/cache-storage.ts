/** Cache Storage in memory, for tests that run outside a browser; `roomBytes` makes it refuse like a full disk. */
export class MemoryCaches {
  readonly #caches = new Map<string, Map<string, { body: ArrayBuffer; headers: [string, string][] }>>()
  roomBytes = Number.POSITIVE_INFINITY

  get usedBytes(): number {
    let sum = 0
    for (const cache of this.#caches.values()) for (const { body } of cache.values()) sum += body.byteLength
    return sum
  }

  async open(name: string) {
    const entries = this.#caches.get(name) ?? new Map()
    this.#caches.set(name, entries)
    const keyOf = (url: string) => new URL(url, 'http://localhost').href
    return {
      put: async (url: string, response: Response) => {
        const body = await response.arrayBuffer()
        if (this.usedBytes + body.byteLength > this.roomBytes) throw new DOMException('full', 'QuotaExceededError')
        entries.set(keyOf(url), { body, headers: [...response.headers] })
      },
      match: async (url: string) => {
        const found = entries.get(keyOf(url))
        return found && new Response(found.body.slice(0), { headers: found.headers })
      },
      matchAll: async () => [...entries.values()].map(({ headers }) => new Response(null, { headers })),
      delete: async (url: string) => entries.delete(keyOf(url)),
      keys: async () => [...entries.keys()].map((url) => ({ url })),
    }
  }
  async match(url: string, { cacheName }: { cacheName: string }) {
    return (await this.has(cacheName)) ? (await this.open(cacheName)).match(url) : undefined
  }
  async has(name: string): Promise<boolean> {
    return this.#caches.has(name)
  }
  async keys(): Promise<string[]> {
    return [...this.#caches.keys()]
  }
  async delete(name: string): Promise<boolean> {
    return this.#caches.delete(name)
  }
}
