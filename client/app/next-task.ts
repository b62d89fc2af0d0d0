type Yielding = { readonly scheduler?: { yield?(): Promise<void> } }

/** Lets the screen draw, and the person tap, before more is done. */
export function nextTask(): Promise<void> {
  const { scheduler } = globalThis as Yielding
  return scheduler?.yield?.() ?? message()
}

/** Where engines lack that: timers are slowed down in a row, and all the more in a tab that nobody sees. */
function message(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}

/** Where no frame comes, as in a tab that nobody sees. */
const FRAME_MS = 100

/** Resolves once what was changed is on the screen: by itself, a next task may come before that. */
export function nextFrame(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, FRAME_MS)
    requestAnimationFrame(() => setTimeout(resolve))
  })
}

/** Slower screens are not waited for. */
const PAINT_MS = 150

/**
 * Resolves once what lies in the page shows. Who comes for the first time sees nothing else for long, and waits until
 * the screen has it; everybody else waits for what they have here, and a page that nobody sees is not drawn.
 */
export function firstPaint(): Promise<void> {
  return new Promise((resolve) => {
    if (document.hidden) return resolve()
    setTimeout(resolve, PAINT_MS)
    if (navigator.serviceWorker?.controller) {
      requestAnimationFrame(() => setTimeout(resolve))
      return
    }
    try {
      new PerformanceObserver((_, observer) => {
        observer.disconnect()
        resolve()
      }).observe({ type: 'paint', buffered: true })
    } catch {
      // Nobody tells it here: the time does.
    }
  })
}
