/** One thing at a time for each key: what reads and then writes must not meet itself. */
export class Turns<K> {
  readonly #last = new Map<K, Promise<unknown>>()

  run<T>(key: K, task: () => Promise<T>): Promise<T> {
    const done = (this.#last.get(key) ?? Promise.resolve()).then(task)
    this.#last.set(
      key,
      done.catch(() => undefined),
    )
    return done
  }
}
