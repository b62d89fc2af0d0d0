export type Theme = 'auto' | 'light' | 'dark'
const KEY = 'kith/theme'
/** What lies behind everything: `--ground` of styles/base.css. */
const GROUND = { light: '#faf8f5', dark: '#15121f' } as const

/** A taste, not a secret: it may lie in localStorage. */
export function readTheme(): Theme {
  const kept = localStorage.getItem(KEY)
  return kept === 'light' || kept === 'dark' ? kept : 'auto'
}

export function applyTheme(theme: Theme = readTheme()): void {
  if (theme === 'auto') {
    localStorage.removeItem(KEY)
    delete document.documentElement.dataset.theme
  } else {
    localStorage.setItem(KEY, theme)
    document.documentElement.dataset.theme = theme
  }
  // The status bar of a phone, too: there is one colour for the device's light, and one for its dark (index.html).
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name=theme-color]')) {
    const own = meta.media.includes('dark') ? 'dark' : 'light'
    meta.content = GROUND[theme === 'auto' ? own : theme]
  }
}
