import { posix } from 'node:path'
import { type Import, type Module, parseModule } from './parse.ts'
import { HOMES, isTest, REACHES, type Reach, zoneOf } from './rules.ts'

export interface Violation {
  path: string
  line: number
  message: string
}

interface Edge {
  /** A file of the project, or the name of a package. */
  target: string
  isPackage: boolean
  found: Import
}

/** Every breach of `rules.ts` in `files` (path from the project's top → TypeScript source). Pure. */
export function checkWalls(files: ReadonlyMap<string, string>): Violation[] {
  const modules = new Map<string, Module>()
  for (const [path, text] of files) modules.set(path, parseModule(path, text))
  const edges = new Map<string, Edge[]>()
  for (const [path, module] of modules)
    edges.set(
      path,
      module.imports.map((found) => edgeOf(path, found)),
    )
  const violations: Violation[] = []
  for (const [path, module] of modules) {
    if (isTest(path)) continue
    const out = edges.get(path) ?? []
    violations.push(...neighbours(path, out), ...homes(path, module, out))
    for (const reach of REACHES) violations.push(...reached(path, reach, edges))
  }
  return violations.sort((a, b) => a.path.localeCompare(b.path) || a.line - b.line)
}

function edgeOf(path: string, found: Import): Edge {
  const specifier = found.specifier.replace(/\?.*$/, '')
  if (specifier.startsWith('.')) return { target: posix.join(posix.dirname(path), specifier), isPackage: false, found }
  return { target: packageName(specifier), isPackage: true, found }
}

function packageName(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

function neighbours(path: string, edges: Edge[]): Violation[] {
  const zone = zoneOf(path)
  if (!zone) return [{ path, line: 1, message: 'belongs to no zone: add its folder to bin/walls/rules.ts' }]
  const violations: Violation[] = []
  const refuse = (edge: Edge, reason: string) =>
    violations.push({ path, line: edge.found.line, message: `imports ${edge.target}: ${reason}` })
  for (const edge of edges) {
    if (edge.isPackage) {
      if (zone.packages !== 'any' && !edge.target.startsWith('node:') && !zone.packages.includes(edge.target)) {
        refuse(edge, zone.reason)
      }
      continue
    }
    const target = zoneOf(edge.target)
    if (isTest(edge.target) && zone.name !== 'tools') refuse(edge, 'what ships never imports what only tests use')
    else if (target && target !== zone && !zone.mayImport.includes(target.name)) refuse(edge, zone.reason)
  }
  return violations
}

function homes(path: string, module: Module, edges: Edge[]): Violation[] {
  const violations: Violation[] = []
  const touched = [
    ...module.uses.map(({ what, line }) => ({ what: what as string, line, verb: 'uses' })),
    ...edges
      .filter((edge) => edge.isPackage)
      .map((edge) => ({ what: edge.target, line: edge.found.line, verb: 'imports' })),
  ]
  for (const { what, line, verb } of touched) {
    const home = HOMES.find(
      (rule) => rule.what.includes(what) || (what.startsWith('node:') && rule.what.includes('node:*')),
    )
    if (home && !home.only.some((prefix) => path.startsWith(prefix))) {
      violations.push({ path, line, message: `${verb} ${what}: ${home.reason}` })
    }
  }
  return violations
}

/** Reports the import by which a file leaves its own side towards something it must never run. */
function reached(path: string, reach: Reach, edges: ReadonlyMap<string, Edge[]>): Violation[] {
  if (!isFrom(path, reach)) return []
  const violations: Violation[] = []
  for (const edge of edges.get(path) ?? []) {
    if (!counts(edge, reach) || (!edge.isPackage && isFrom(edge.target, reach))) continue
    const way = wayTo(edge, reach, edges)
    if (!way) continue
    const forbidden = way.at(-1)
    const detour = way.length > 1 ? ` (${[path, ...way].join(' → ')})` : ''
    violations.push({ path, line: edge.found.line, message: `reaches ${forbidden}: ${reach.reason}${detour}` })
  }
  return violations
}

function isFrom(path: string, { from, except = [] }: Reach): boolean {
  const within = (prefix: string) => path.startsWith(prefix)
  return from.some(within) && !except.some(within)
}

function counts(edge: Edge, reach: Reach): boolean {
  // A Web Worker is a program of its own: its code never runs in the page that starts it.
  if (/\?(.*&)?(worker|sharedworker|url)\b/.test(edge.found.specifier)) return false
  return edge.found.kind === 'static' || (edge.found.kind === 'dynamic' && reach.through === 'static and dynamic')
}

function wayTo(first: Edge, reach: Reach, edges: ReadonlyMap<string, Edge[]>): string[] | undefined {
  const isNever = (edge: Edge) =>
    reach.never.some((name) =>
      edge.isPackage ? edge.target === name : name.endsWith('/') && edge.target.startsWith(name),
    )
  const seen = new Set([first.target])
  let frontier: { edge: Edge; way: string[] }[] = [{ edge: first, way: [first.target] }]
  while (frontier.length > 0) {
    const hit = frontier.find(({ edge }) => isNever(edge))
    if (hit) return hit.way
    const next: typeof frontier = []
    for (const { edge, way } of frontier) {
      for (const further of edge.isPackage ? [] : (edges.get(edge.target) ?? [])) {
        if (!counts(further, reach) || seen.has(further.target)) continue
        seen.add(further.target)
        next.push({ edge: further, way: [...way, further.target] })
      }
    }
    frontier = next
  }
  return undefined
}
