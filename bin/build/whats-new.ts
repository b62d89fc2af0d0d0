import { readFileSync } from 'node:fs'
import type { Plugin } from 'vite'

/** The newest section of CHANGELOG.md, without its marks. */
export function newestOf(changelog: string): { version: string; lines: string[] } {
  const [, section = ''] = changelog.split(/^## /m)
  const [version = '', ...rest] = section.split('\n')
  const lines = rest
    .join('\n')
    .split(/^- /m)
    .slice(1)
    .map((line) => line.replaceAll('**', '').replace(/\s+/g, ' ').trim())
  return { version: version.trim(), lines }
}

/** Makes `/whats-new.json` of CHANGELOG.md: what a page shows beside "A new version is ready". */
export function whatsNewFile(path: string): Plugin {
  return {
    name: 'kith-whats-new',
    apply: 'build',
    generateBundle() {
      const source = JSON.stringify(newestOf(readFileSync(path, 'utf8')))
      this.emitFile({ type: 'asset', fileName: 'whats-new.json', source })
    },
  }
}
