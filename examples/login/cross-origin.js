// Pages of other origins: those that are named may use everything here, all others nothing.

import { HttpError } from './http.js'

export function createCrossOrigin({ own, others }) {
  const isAllowed = (origin) => others.includes(origin)

  /** CORS: the browser lets the page read the answer, and send cookies. https://fetch.spec.whatwg.org/ */
  function allow(origin, response) {
    response.setHeader('Access-Control-Allow-Origin', origin)
    response.setHeader('Access-Control-Allow-Credentials', 'true')
    response.setHeader('Vary', 'Origin')
  }

  return {
    /** Whether it was the browser's question before a request of another origin. */
    answersPreflight(request, response) {
      const { origin } = request.headers
      if (request.method !== 'OPTIONS' || origin === undefined) return false
      if (isAllowed(origin)) {
        allow(origin, response)
        response.setHeader('Access-Control-Allow-Methods', 'GET, POST, PATCH')
        response.setHeader(
          'Access-Control-Allow-Headers',
          'Authorization, Content-Type, Last-Event-ID, Accept',
        )
        response.setHeader('Access-Control-Max-Age', '86400')
      }
      response.writeHead(204).end()
      return true
    },

    /**
     * Every browser says the origin of a request that changes something, and no page can change what it says.
     * So a page that is not named can do nothing with the cookies of its visitor.
     */
    check(request, response) {
      const { origin } = request.headers
      if (origin === undefined || origin === own) return
      if (!isAllowed(origin)) throw new HttpError(403, 'This origin may not use the application.')
      allow(origin, response)
    },
  }
}
