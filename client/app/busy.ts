import { Signal } from './signal.ts'

/**
 * What goes on here. `writing` and `holding` (an upload that waits for the network, whose file this page alone has) go on
 * for as long as it pleases: a screen or a lock must not wait for that.
 */
export type Activity = 'upload' | 'playback' | 'recording' | 'keeping' | 'writing' | 'holding'
const PATIENT: ReadonlySet<Activity> = new Set(['writing', 'holding'])

/** Each tab that is busy holds a lock of its own: the browser takes it back from one that dies. */
const LOCK_PREFIX = 'kith/busy/'

/** What must not be interrupted: by an update all of it, by a lock or a screen that sleeps all but what is patient. */
export class Busy {
  readonly reasons = new Signal<ReadonlyMap<symbol, Activity>>(new Map())
  readonly #lock = LOCK_PREFIX + crypto.randomUUID()
  #isTold = false

  /** @returns the end of it; calling it twice does no harm. */
  start(activity: Activity): () => void {
    const token = Symbol(activity)
    this.reasons.value = new Map(this.reasons.value).set(token, activity)
    this.#tell()
    return () => {
      const left = new Map(this.reasons.value)
      if (left.delete(token)) this.reasons.value = left
    }
  }

  /** One activity as a switch, which may be set again to what it is. */
  switch(activity: Activity): (isOn: boolean) => void {
    let end: (() => void) | null = null
    return (isOn) => {
      if (isOn) end ??= this.start(activity)
      else {
        end?.()
        end = null
      }
    }
  }

  get isBusy(): boolean {
    return this.reasons.value.size > 0
  }

  /** Whether something goes on that needs nobody's hand. */
  get isAtWork(): boolean {
    return [...this.reasons.value.values()].some((activity) => !PATIENT.has(activity))
  }

  /** Resolves once no tab does anything; one that begins meanwhile is waited for, too. */
  async untilAllIdle(): Promise<void> {
    for (;;) {
      const busy = await lockOfBusyTab()
      if (busy === undefined) return
      await navigator.locks.request(busy, { mode: 'shared' }, () => undefined)
    }
  }

  #tell(): void {
    if (this.#isTold) return
    this.#isTold = true
    void navigator.locks
      .request(this.#lock, () => this.reasons.until(({ size }) => size === 0))
      .then(() => {
        this.#isTold = false
        if (this.isBusy) this.#tell()
      })
  }
}

export async function isAnyTabBusy(): Promise<boolean> {
  return (await lockOfBusyTab()) !== undefined
}

async function lockOfBusyTab(): Promise<string | undefined> {
  const { held = [], pending = [] } = await navigator.locks.query()
  // Whoever waits asks for it `shared`, and is none of the busy.
  return [...held, ...pending].find(({ name, mode }) => name?.startsWith(LOCK_PREFIX) && mode === 'exclusive')?.name
}
