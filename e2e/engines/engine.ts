/** One real browser, driven from outside in the way its makers offer; the same few verbs for all. */
export interface Engine {
  readonly name: string
  /** As the browser itself tells it. */
  readonly version: string
  goto(url: string): Promise<void>
  /** The value of an expression in the page, as JSON; a promise is waited for. The page's policy forbids `eval`, drivers do not need it. */
  run<T>(expression: string): Promise<T>
  /** Gives files to the input that a script in the page finds. */
  upload(find: string, files: readonly string[]): Promise<void>
  screenshot(path: string): Promise<void>
  close(): Promise<void>
}
