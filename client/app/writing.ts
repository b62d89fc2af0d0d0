import type { Busy } from './busy.ts'

/** How soon a field that was emptied, sent or taken away counts as written in no more: no event tells. */
const CHECK_MS = 1000
/** Where text goes; a field that keeps its drafts says so, and for itself when it is written in. */
const FIELDS =
  'textarea:not([data-drafts]), input:not([type="checkbox"], [type="radio"], [type="file"], [type="range"])'

/**
 * Whatever somebody has typed into a field of the app counts as being written for as long as it stands there: an update,
 * taken in another tab, loads this page anew.
 */
export function watchWriting(busy: Pick<Busy, 'switch'>, page: Pick<Document, 'addEventListener'> = document): void {
  const setWriting = busy.switch('writing')
  const fields = new Set<HTMLInputElement | HTMLTextAreaElement>()
  let checking: ReturnType<typeof setInterval> | undefined
  const look = () => {
    for (const field of fields) if (!field.isConnected || field.value === '') fields.delete(field)
    setWriting(fields.size > 0)
    if (fields.size > 0) checking ??= setInterval(look, CHECK_MS)
    else {
      clearInterval(checking)
      checking = undefined
    }
  }
  page.addEventListener(
    'input',
    (event) => {
      // Through all shadow roots.
      const [field] = event.composedPath() as HTMLInputElement[]
      if (!field?.matches(FIELDS)) return
      fields.add(field)
      look()
    },
    // Also where somebody who listens below stops it.
    { capture: true },
  )
}
