// A moment in which a process can write to its sockets, and fail, before it reads what became of them.

import { stat } from 'node:fs'

/**
 * Runs `work` in a callback of the file system: the event loop calls it where it reads sockets. So a
 * connection that `work` resets is known as reset to the system, and to Node's streams only after all that
 * `work` writes at once.
 */
export function beforeReads(work: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    stat('/', () => {
      try {
        work()
        resolve()
      } catch (error) {
        reject(error)
      }
    })
  })
}
