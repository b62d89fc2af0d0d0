import { FormatError } from '../errors.ts'

/** Names of objects inside an item (docs/protocol.md §7): `original`, `thumb`, `r/<set>/…`. */
export const ORIGINAL = 'original'
export const THUMB = 'thumb'
const MAX_LENGTH = 200
const RENDITION = /^r\/[\w-]{22}(\/[A-Za-z0-9][\w-]*(\.[A-Za-z0-9]{1,8})?){1,3}$/

export function isObjectName(name: string): boolean {
  return name.length <= MAX_LENGTH && (name === ORIGINAL || name === THUMB || RENDITION.test(name))
}

/** What stands for an item where there are many: `thumb`, and the worker's `r/<set>/poster`. */
export function isPicture(name: string): boolean {
  return name === THUMB || name.endsWith('/poster')
}

/** What a player asks for first. */
export function isMaster(name: string): boolean {
  return /\/master-\d+\.m3u8$/.test(name)
}

/** What a player opens right after a rendition's playlist, as the worker names it; `null`: `name` is none. */
export function openedByPlayer(name: string): { readonly init: string; readonly firstSegment: string } | null {
  const [folder, rest] = name.split(/\/index\.m3u8$/)
  return rest === '' ? { init: `${folder}/init.mp4`, firstSegment: `${folder}/00001.m4s` } : null
}

/** The only way from text to an object's name: never absolute, no `..`, no empty part. @throws {FormatError} */
export function parseObjectName(name: string): string {
  if (!isObjectName(name)) throw new FormatError('object name')
  return name
}

/** Name of a file of a rendition set, e.g. `renditionName(set, '720p/00001.m4s')`. @throws {FormatError} */
export function renditionName(set: string, file: string): string {
  return parseObjectName(`r/${set}/${file}`)
}
