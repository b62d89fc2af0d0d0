/** Says once, before the tests, which known answers this run leaves out. */
export function setup(): void {
  if (process.env.KITH_VECTORS) return
  process.stderr.write('KITH_VECTORS is not set: the tests against Wycheproof are skipped.\n')
}
