import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Busy } from './busy.ts'
import { watchWriting } from './writing.ts'

/** A field of a page that is nothing but this field. */
class Field extends EventTarget {
  value = ''
  isConnected = true
  readonly #isText: boolean

  constructor(isText = true) {
    super()
    this.#isText = isText
  }

  matches = () => this.#isText

  type(value: string): void {
    this.value = value
    this.dispatchEvent(new Event('input'))
  }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Fields of one page, and whether somebody writes in it. */
function pageWith(...fields: Field[]): Busy {
  const busy = new Busy()
  watchWriting(busy, {
    addEventListener: (...listening: Parameters<EventTarget['addEventListener']>) => {
      for (const field of fields) field.addEventListener(...listening)
    },
  } as Document)
  return busy
}

it('what was typed is being written until it is taken out again', () => {
  const field = new Field()
  const busy = pageWith(field)
  expect(busy.isBusy).toBe(false)
  field.type('ada')
  expect([busy.isBusy, busy.isAtWork]).toEqual([true, false])
  vi.advanceTimersByTime(60_000)
  expect(busy.isBusy).toBe(true)
  field.type('')
  expect(busy.isBusy).toBe(false)
})

it.each([
  ['sent, and its form emptied', (field: Field) => Object.assign(field, { value: '' })],
  ['gone with its screen', (field: Field) => Object.assign(field, { isConnected: false })],
])('what was typed and is %s is not written any more', (_, end) => {
  const field = new Field()
  const busy = pageWith(field)
  field.type('ada')
  end(field)
  vi.advanceTimersByTime(1000)
  expect(busy.isBusy).toBe(false)
  expect(vi.getTimerCount(), 'nobody looks where nobody writes').toBe(0)
})

it('of two fields the last one counts', () => {
  const [name, password] = [new Field(), new Field()]
  const busy = pageWith(name, password)
  name.type('ada')
  password.type('velvet')
  name.type('')
  expect(busy.isBusy).toBe(true)
  password.isConnected = false
  vi.advanceTimersByTime(1000)
  expect(busy.isBusy).toBe(false)
})

it('a box that is ticked is nothing written', () => {
  const box = new Field(false)
  const busy = pageWith(box)
  box.type('on')
  expect(busy.isBusy).toBe(false)
})
