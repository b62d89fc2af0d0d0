import type { Plugin } from 'vite'

/** Has the browser fetch a part that is imported on demand together with the entry, instead of after it. */
export function preload(path: string): Plugin {
  return {
    name: 'kith-preload',
    transformIndexHtml: {
      order: 'post',
      handler(_html, { bundle, chunk: entry }) {
        // Served from source, there is no bundle.
        if (!bundle) return []
        const chunks = Object.values(bundle).filter((one) => one.type === 'chunk')
        const part = chunks.find(({ facadeModuleId }) => facadeModuleId?.endsWith(`/${path}`))
        if (!part) throw new Error(`no part of the program begins with ${path}`)
        const known = new Set(entry?.imports)
        const files = [part.fileName, ...part.imports.filter((file) => !known.has(file) && file !== entry?.fileName)]
        return files.map((file) => ({
          tag: 'link',
          attrs: { rel: 'modulepreload', crossorigin: true, href: `/${file}` },
          injectTo: 'head' as const,
        }))
      },
    },
  }
}
