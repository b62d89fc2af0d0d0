/** Runs a task in its turn. */
export type Lock = (task: () => Promise<void>) => Promise<void>

/** A turn may ask the server several times, which is given half a minute for each answer. */
const PATIENCE_MS = 60_000

/**
 * One task after the other, and none while another tab of this browser has its turn. A tab that the system has put to
 * sleep in the middle of its turn holds up the others for `patienceMs` and no longer: what the device keeps stays whole
 * without the lock as well (docs/decisions/tabs-take-turns-at-the-vault.md).
 */
export function turnsOfTabs(patienceMs = PATIENCE_MS): Lock {
  let last: Promise<void> = Promise.resolve()
  return (task) => {
    const turn = last.then(() => inTurn(task, patienceMs))
    last = turn.catch(() => undefined)
    return turn
  }
}

async function inTurn(task: () => Promise<void>, patienceMs: number): Promise<void> {
  let hasBegun = false
  const begin = () => {
    hasBegun = true
    return task()
  }
  try {
    await navigator.locks.request('kith/vault', { signal: AbortSignal.timeout(patienceMs) }, begin)
  } catch (error) {
    if (hasBegun) throw error
    await task()
  }
}
