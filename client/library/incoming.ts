import { isOnlyHere } from '../upload/copy.ts'

/**
 * Files that are dropped on the window or pasted into it.
 * @param over whether files are held over the window.
 * @returns the end of it.
 */
export function takeIncoming(take: (files: File[]) => void, over: (isOver: boolean) => void): () => void {
  const listening = new AbortController()
  const { signal } = listening
  const listen = <K extends keyof WindowEventMap>(type: K, listener: (event: WindowEventMap[K]) => void) =>
    window.addEventListener(type, listener, { signal })
  listen('dragover', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return
    event.preventDefault()
    over(true)
  })
  listen('dragleave', ({ relatedTarget }) => {
    if (relatedTarget === null) over(false)
  })
  listen('drop', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return
    event.preventDefault()
    over(false)
    take([...event.dataTransfer.files])
  })
  listen('paste', (event) => {
    // Text that goes into a field now and then brings its picture along.
    const [target] = event.composedPath()
    if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) return
    take([...(event.clipboardData?.files ?? [])].map(isOnlyHere))
  })
  return () => listening.abort()
}
