/** Where sealed objects lie. */
export interface BlobStore {
  /** @throws where nothing can be written. */
  checkWritable(): Promise<void>
}
