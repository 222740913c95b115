// Letting others run: a promise that resolves in another turn of the event loop, after input and output had theirs.

declare const setImmediate: ((task: () => void) => void) | undefined

/** Resolves in the next turn. */
export type NextTurn = () => Promise<void>

/** Node's own immediate where there is one; elsewhere a message to oneself, which is not slowed down as timers are. */
export const nextTurn: NextTurn =
  typeof setImmediate === 'function'
    ? () => new Promise((resolve) => setImmediate(resolve))
    : () =>
        new Promise((resolve) => {
          const { port1, port2 } = new MessageChannel()
          port1.addEventListener('message', () => {
            port1.close()
            resolve()
          })
          port1.start()
          port2.postMessage(undefined)
        })
