// LMDB's two files within the directory.

export const dataFile = 'data.mdb'
export const lockFile = 'lock.mdb'
