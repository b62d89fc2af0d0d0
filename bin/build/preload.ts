import type { Plugin } from 'vite'

/** Has the browser fetch parts that are imported on demand together with the entry, instead of after it. */
export function preload(...paths: readonly string[]): Plugin {
  return {
    name: 'kith-preload',
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle }) {
        // Served from source, there is no bundle.
        if (!bundle) return []
        const chunks = Object.values(bundle).filter((one) => one.type === 'chunk')
        const byFile = new Map(chunks.map((one) => [one.fileName, one]))
        const files = new Set<string>()
        const add = (file: string): void => {
          if (files.has(file)) return
          files.add(file)
          for (const next of byFile.get(file)?.imports ?? []) add(next)
        }
        for (const path of paths) {
          const part = chunks.find(({ moduleIds }) => moduleIds.some((id) => id.endsWith(`/${path}`)))
          if (!part) throw new Error(`no part of the program begins with ${path}`)
          add(part.fileName)
        }
        for (const file of files) if (html.includes(`src="/${file}"`)) files.delete(file)
        return [...files].map((file) => ({
          tag: 'link',
          attrs: { rel: 'modulepreload', crossorigin: true, href: `/${file}` },
          injectTo: 'head' as const,
        }))
      },
    },
  }
}
