// Connections that a server cannot take: told to the operator, seldom however many there are.

import type { Server } from 'node:net'
import type { Clock } from '@tidemark/log'
import { dropLineMs } from './limits.ts'

/**
 * Says of a server that listens when it drops connections and when accepting fails. Without it, the
 * latter would end the process.
 */
export function reportDroppedConnections(
  server: Server,
  { clock, say }: { readonly clock: Clock; readonly say: (text: string) => void },
): void {
  let dropped = 0
  let isQuiet = false
  const note = (reason: string): void => {
    dropped += 1
    if (isQuiet) return
    isQuiet = true
    say(`Connections are closed unanswered: ${reason}.`)
    clock.after(dropLineMs, () => {
      isQuiet = false
      if (dropped > 1)
        say(`${dropped} connections were closed unanswered since the last such line.`)
      dropped = 0
    })
  }
  server.on('drop', () => note(`there are ${server.maxConnections}, as many as there may be`))
  server.on('error', (error: Error) => note(error.message))
}
