// A `fetch` that tells a person when the hub stops answering and when it answers again, once each.

import { remark } from './output.ts'

/** Wraps the runtime's `fetch`. */
export function createTellingFetch(): (url: string, init: RequestInit) => Promise<Response> {
  let isFailing = false
  const fail = (reason: string): void => {
    if (!isFailing)
      remark(`the hub does not take events now (${reason}); trying again until it does.`)
    isFailing = true
  }
  return async (url, init) => {
    try {
      const response = await fetch(url, init)
      if (response.status === 429 || response.status >= 500) fail(`status ${response.status}`)
      else if (isFailing) {
        isFailing = false
        remark('the hub answers again.')
      }
      return response
    } catch (error) {
      fail(describe(error))
      throw error
    }
  }
}

/** `fetch failed` tells nothing by itself; Node puts the reason, such as ECONNREFUSED, into the cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  return cause.message === '' && 'code' in cause ? String(cause.code) : cause.message
}
