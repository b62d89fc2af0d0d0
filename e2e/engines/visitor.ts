import type { Engine } from './engine.ts'

const PATIENCE_MS = 60_000

/** Names for what scripts in the page need: everything that fits, inside shadow roots too; what it is called; whether it shows. */
const KIT = `const deep = (fits) => {
  const found = []
  const look = (root) => {
    for (const node of root.querySelectorAll('*')) {
      if (fits(node)) found.push(node)
      if (node.shadowRoot) look(node.shadowRoot)
    }
  }
  look(document)
  return found
}
const named = (node) => (node.getAttribute('aria-label') ?? node.textContent ?? '').replace(/\\s+/g, ' ').trim()
const shown = (node) => node.getClientRects().length > 0`

/** Somebody in one of the engines, doing what people do with buttons and fields. */
export class Visitor {
  readonly engine: Engine
  constructor(engine: Engine) {
    this.engine = engine
  }

  /**
   * Goes there, and loads again where the page itself says that it takes too long: WebKitGTK's storage process now and
   * then does not answer a page that was just loaded (docs/engines.md).
   */
  async goto(url: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.engine.goto(url)
      const isThere = await this.engine.run<boolean>(`(async () => {
        ${KIT}
        for (;;) {
          if (deep((node) => node.localName === 'button' && named(node) === 'Load again').length > 0) return false
          const app = document.querySelector('kith-app')
          if (app?.shadowRoot?.querySelector('.frame')) return true
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
      })()`)
      if (isThere) return
      if (attempt === 3) throw new Error(`${this.engine.name} never showed ${url}`)
    }
  }

  async click(kind: 'button' | 'a', name: string): Promise<void> {
    await this.until(
      `const [node] = deep((node) => node.localName === '${kind}' && !node.disabled && shown(node) && named(node).startsWith(${JSON.stringify(name)}))
      node?.click()
      return node !== undefined`,
      `${kind} “${name}”`,
    )
  }

  /** Types into the field that the label names. */
  async fill(label: string, value: string): Promise<void> {
    await this.until(
      `const [found] = deep((node) => node.localName === 'label' && shown(node) && named(node).startsWith(${JSON.stringify(label)}))
      const field = found && (found.control ?? found.getRootNode().getElementById(found.htmlFor))
      if (!field) return false
      field.value = ${JSON.stringify(value)}
      field.dispatchEvent(new InputEvent('input', { bubbles: true, composed: true }))
      field.dispatchEvent(new Event('change', { bubbles: true, composed: true }))
      return true`,
      `field “${label}”`,
    )
  }

  async sees(text: string, patienceMs = PATIENCE_MS): Promise<void> {
    await this.until(
      `return deep((node) => shown(node) && [...node.childNodes].some((child) => child.nodeType === 3 && child.data.includes(${JSON.stringify(text)}))).length > 0`,
      `text “${text}”`,
      patienceMs,
    )
  }

  /** Once the screen is there: whether it says so. */
  async says(text: string, isSaid: boolean): Promise<void> {
    await this.until(
      `return ${isSaid} === deep((node) => shown(node) && [...node.childNodes].some((child) => child.nodeType === 3 && child.data.includes(${JSON.stringify(text)}))).length > 0`,
      isSaid ? `text “${text}”` : `no text “${text}”`,
    )
  }

  async upload(label: string, files: readonly string[]): Promise<void> {
    const find = `(() => { ${KIT}; return deep((node) => node.type === 'file' && named(node) === ${JSON.stringify(label)})[0] })()`
    await this.engine.upload(find, files)
  }

  /** Runs `source`, a function's body that may wait, until it returns something true. */
  async until(source: string, what: string, patienceMs = PATIENCE_MS): Promise<void> {
    await this.engine.run(`(async () => {
      ${KIT}
      const test = async () => { ${source} }
      const end = Date.now() + ${patienceMs}
      while (!(await test())) {
        if (Date.now() > end) throw new Error(${JSON.stringify(`did not come: ${what}`)})
        // Engines stop frames of pages that nobody sees: a clock goes on.
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      return true
    })()`)
  }

  /** What a function's body returns. */
  value<T>(source: string): Promise<T> {
    return this.engine.run(`(async () => { ${KIT}; ${source} })()`)
  }
}
