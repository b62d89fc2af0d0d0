import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { newGroupId, randomBytes } from '../shared/crypto/random.ts'
import { codeOf } from '../shared/testing/people.ts'
import { Pins } from './pins.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kith-pins-'))
})
afterEach(() => rm(folder, { recursive: true }))

it('outlives the worker, and never goes back', async () => {
  const [one, two] = [newGroupId(), newGroupId()]
  const pin = { seq: 7, head: randomBytes(32) }
  const pins = new Pins(folder)
  expect(await pins.get(one)).toBeUndefined()
  await Promise.all([pins.set(one, pin), pins.set(two, { seq: 1, head: randomBytes(32) })])
  await pins.set(one, { seq: 3, head: randomBytes(32) })
  expect(await new Pins(folder).get(one)).toEqual(pin)
  expect(await new Pins(folder).get(two)).toMatchObject({ seq: 1 })
  expect(await readdir(folder)).toEqual(['groups.json'])
})

it('says so when its file is damaged, and does not begin anew by itself', async () => {
  await writeFile(join(folder, 'groups.json'), '[{"seq":')
  expect(await codeOf(() => new Pins(folder).get(newGroupId()))).toBe('internal')
})
