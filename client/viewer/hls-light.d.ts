/** The light build has the full build's types, but the package names them for the full one only. */
declare module 'hls.js/light' {
  export * from 'hls.js'
  export { default } from 'hls.js'
}
