let woken: Worker | undefined

function begin(): Worker {
  return new Worker(new URL('./crypto.worker.ts', import.meta.url), { type: 'module', name: 'crypto' })
}

/** Begins it before anybody asks: to load and compile what is in it takes longer than all that comes before the first question. */
export function wakeCryptoWorker(): void {
  const worker = begin()
  // Nobody listens yet: whoever comes begins another one, and hears what is wrong with it.
  worker.addEventListener('error', () => {
    if (woken === worker) woken = undefined
  })
  woken = worker
}

/** The one that was woken, else a new one; it is the caller's. */
export function takeCryptoWorker(): Worker {
  const worker = woken ?? begin()
  woken = undefined
  return worker
}
