import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isEmojiAlone, textParts } from './text-parts.ts'

const links = (text: string) => textParts(text).flatMap(({ href }) => (href ? [href] : []))

it.each([
  ['see https://kith.example/a?b=1#c, please', ['https://kith.example/a?b=1#c']],
  ['http://a.example. And https://b.example!', ['http://a.example/', 'https://b.example/']],
  ['(https://a.example/x)', ['https://a.example/x']],
  ['https://a.example/Garden_(poem)', ['https://a.example/Garden_(poem)']],
  ['javascript:alert(1) data:text/html,x ftp://a.example file:///etc/passwd kith:x', []],
  ['JAVASCRIPT://https', []],
  ['no link', []],
])('finds the links of %s', (text, expected) => expect(links(text)).toEqual(expected))

it('loses nothing, and leads only to the web, whatever is written', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.constantFrom('', ' https://a.example/', ' javascript:'),
      (a, b) => {
        const parts = textParts(a + b)
        expect(parts.map(({ text }) => text).join('')).toBe(a + b)
        for (const { href } of parts) if (href) expect(href).toMatch(/^https?:\/\//)
      },
    ),
  )
})

it('takes no longer for a row of dots that does not end the address', () => {
  const text = `https://a.example/${'.'.repeat(200_000)}x`
  const from = performance.now()
  expect(links(text)).toHaveLength(1)
  expect(performance.now() - from).toBeLessThan(2000)
})

it('knows a few emoji from words', () => {
  for (const text of ['🌻', '👍🏽 ', '👩‍🌾🌻', '❤️']) expect(isEmojiAlone(text)).toBe(true)
  for (const text of ['', 'a', '🌻 a', '12', '🌻'.repeat(40)]) expect(isEmojiAlone(text)).toBe(false)
})
