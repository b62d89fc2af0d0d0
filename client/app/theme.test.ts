import { readFileSync } from 'node:fs'
import { afterEach, expect, it, vi } from 'vitest'
import { applyTheme, type Theme } from './theme.ts'

const METAS = [
  ...readFileSync('client/index.html', 'utf8').matchAll(/name="theme-color" content="(.+?)" media="(.+?)"/g),
]
const [, LIGHT, DARK] =
  /--ground: light-dark\((#\w+), (#\w+)\)/.exec(readFileSync('client/styles/base.css', 'utf8')) ?? []

afterEach(() => vi.unstubAllGlobals())

it.each<[Theme, (string | undefined)[]]>([
  ['light', [LIGHT, LIGHT]],
  ['dark', [DARK, DARK]],
  ['auto', [LIGHT, DARK]],
])('%s: the bar of the phone has the colour of the page, whatever the device itself has', (theme, colours) => {
  const metas = METAS.map(([, content = '', media = '']) => ({ content, media }))
  vi.stubGlobal('document', { documentElement: { dataset: {} }, querySelectorAll: () => metas })
  vi.stubGlobal('localStorage', { setItem: () => undefined, removeItem: () => undefined })
  applyTheme('dark')
  applyTheme(theme)
  expect(metas.map(({ content }) => content)).toEqual(colours)
})
