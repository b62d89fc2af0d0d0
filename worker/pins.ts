import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { AppError } from '../shared/errors.ts'
import type { GroupId } from '../shared/format/ids.ts'
import type { GroupPin } from '../shared/logs/group-replay.ts'
import { groupId, hash, natural } from '../shared/wire/primitives.ts'

const FILE = 'groups.json'
const stored = z.array(z.strictObject({ groupId, seq: natural, head: hash }))

/** Newest entry of each group's log that this worker has seen: a server that shows less, or other, is refused. */
export class Pins {
  readonly #folder: string
  #pins: Map<GroupId, GroupPin> | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** @throws {AppError} `internal` when the file is damaged. */
  async get(group: GroupId): Promise<GroupPin | undefined> {
    return (await this.#read()).get(group)
  }

  /** Whole or not at all, also when the machine stops in between. */
  async set(group: GroupId, { seq, head }: GroupPin): Promise<void> {
    const pins = await this.#read()
    if ((pins.get(group)?.seq ?? -1) >= seq) return
    pins.set(group, { seq, head })
    this.#writing = this.#writing.then(() => this.#write([...pins].map(([id, pin]) => ({ groupId: id, ...pin }))))
    await this.#writing
  }

  async #read(): Promise<Map<GroupId, GroupPin>> {
    if (this.#pins) return this.#pins
    const path = join(this.#folder, FILE)
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '[]'
      throw error
    })
    try {
      const list = z.decode(stored, JSON.parse(text))
      this.#pins ??= new Map(list.map(({ groupId: id, seq, head }) => [id, { seq, head }]))
      return this.#pins
    } catch (cause) {
      throw new AppError('internal', `${path} is damaged. Remove it only if you trust the server.`, { cause })
    }
  }

  async #write(list: z.output<typeof stored>): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const path = join(this.#folder, FILE)
    const file = await open(`${path}.new`, 'w', 0o600)
    try {
      await file.writeFile(JSON.stringify(z.encode(stored, list)))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(`${path}.new`, path)
  }
}
