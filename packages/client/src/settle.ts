// Waits for somebody else's promise no longer than a signal allows.

/**
 * The value that was promised, or a rejection with the signal's reason as soon as it aborts. A value
 * that comes later goes to `drop`.
 */
export function settle<Value>(
  given: Promise<Value> | Value,
  signal: AbortSignal,
  drop: (late: Value) => void = () => undefined,
): Promise<Value> {
  const promise = Promise.resolve(given)
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      reject(signal.reason as Error)
      promise.then(drop).catch(() => undefined)
    }
    if (signal.aborted) return leave()
    signal.addEventListener('abort', leave)
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
