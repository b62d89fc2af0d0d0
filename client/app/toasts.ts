import { Signal } from './signal.ts'

export type Toast = {
  readonly id: number
  readonly text: string
  readonly tone: 'plain' | 'error'
  readonly action: { readonly label: string; run(): void } | null
}

const SHOWN_MS = 6000

/** Short messages at the foot of the page; one with an action stays long enough to be used. */
export class Toasts {
  readonly shown = new Signal<readonly Toast[]>([])
  #next = 0

  show(text: string, options: { tone?: Toast['tone']; action?: Toast['action']; forMs?: number } = {}): () => void {
    const toast: Toast = { id: this.#next++, text, tone: options.tone ?? 'plain', action: options.action ?? null }
    this.shown.value = [...this.shown.value, toast]
    const dismiss = () => {
      this.shown.value = this.shown.value.filter(({ id }) => id !== toast.id)
    }
    setTimeout(dismiss, options.forMs ?? SHOWN_MS)
    return dismiss
  }

  error(text: string): void {
    this.show(text, { tone: 'error' })
  }
}
