import { describeBlobStore } from './contract.ts'
import { createDiskBlobStore } from './disk.ts'

describeBlobStore('disk', createDiskBlobStore)
