import { describeBlobStore } from '../testing/blob-store-contract.ts'
import { createMemoryBlobStore } from './memory.ts'

describeBlobStore('memory', () => createMemoryBlobStore())
