/** Scripts that the page itself starts: the Service Worker and Web Workers of this build. Nothing else may run. */
const OWN_SCRIPT = import.meta.env.DEV
  ? /^\/(dev-sw\.js|workers\/[\w.-]+|node_modules\/[\w@./-]+)(\?[\w&=.-]*)?$/
  : /^\/(sw\.js|assets\/[\w.-]+\.js)$/

/** With `require-trusted-types-for 'script'`, a URL becomes a script only through here. */
export function installTrustedTypes(): void {
  const factory = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): unknown } }).trustedTypes
  factory?.createPolicy('default', {
    createScriptURL(url: string): string {
      const parsed = new URL(url, location.href)
      if (parsed.origin === location.origin && OWN_SCRIPT.test(parsed.pathname + parsed.search)) return parsed.href
      throw new TypeError('not a script of Kith')
    },
  })
}
