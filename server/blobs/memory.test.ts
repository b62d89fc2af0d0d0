import { describeBlobStore } from '../testing/describe-blob-store.ts'
import { createMemoryBlobStore } from './memory.ts'

describeBlobStore('memory', () => createMemoryBlobStore())
