import { parseSync } from 'vite'

export interface Import {
  specifier: string
  line: number
  /** `type` is erased before anything runs, `dynamic` is `import(…)`. */
  kind: 'static' | 'dynamic' | 'type'
}

export interface Use {
  what: 'crypto.subtle' | 'process.env'
  line: number
}

export interface Module {
  imports: Import[]
  uses: Use[]
}

interface Node {
  type: string
  start: number
  [key: string]: unknown
}

/** What one TypeScript file imports, and which guarded globals it touches. @throws {SyntaxError} naming the file. */
export function parseModule(path: string, text: string): Module {
  const { program, errors } = parseSync(path, text, { lang: 'ts', sourceType: 'module' })
  if (errors[0]) throw new SyntaxError(`${path}: ${errors[0].message}`)
  const lineOf = (offset: number) => text.slice(0, offset).split('\n').length
  const module: Module = { imports: [], uses: [] }
  walk(program, (node) => {
    const found = importOf(node)
    if (found) module.imports.push({ ...found, line: lineOf(node.start) })
    const what = useOf(node)
    if (what) module.uses.push({ what, line: lineOf(node.start) })
  })
  return module
}

function importOf(node: Node): Omit<Import, 'line'> | undefined {
  const source = isNode(node.source) && typeof node.source.value === 'string' ? node.source.value : undefined
  if (source === undefined) return undefined
  switch (node.type) {
    case 'ImportExpression':
      return { specifier: source, kind: 'dynamic' }
    case 'TSImportType':
      return { specifier: source, kind: 'type' }
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
      return { specifier: source, kind: node.importKind === 'type' || node.exportKind === 'type' ? 'type' : 'static' }
    default:
      return undefined
  }
}

/** `crypto.subtle`, `globalThis.crypto['subtle']`, `const { subtle } = crypto`; `process.env` likewise. */
function useOf(node: Node): Use['what'] | undefined {
  if (node.type === 'MemberExpression') return useFor(nameOf(node.object), nameOf(node.property))
  if (node.type !== 'VariableDeclarator' || !isNode(node.id) || node.id.type !== 'ObjectPattern') return undefined
  const owner = nameOf(node.init)
  const properties = node.id.properties as Node[]
  return properties.map((property) => useFor(owner, nameOf(property.key))).find((what) => what !== undefined)
}

function useFor(owner: string | undefined, property: string | undefined): Use['what'] | undefined {
  if (property === 'subtle' && (owner === 'crypto' || owner === 'webcrypto')) return 'crypto.subtle'
  if (property === 'env' && owner === 'process') return 'process.env'
  return undefined
}

function nameOf(value: unknown): string | undefined {
  if (!isNode(value)) return undefined
  if (value.type === 'Identifier') return value.name as string
  if (value.type === 'Literal') return String(value.value)
  if (value.type === 'MemberExpression') return nameOf(value.property)
  return undefined
}

function walk(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) walk(item, visit)
  else if (isNode(value)) {
    visit(value)
    for (const child of Object.values(value)) if (typeof child === 'object') walk(child, visit)
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
}
