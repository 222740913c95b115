// The runtime's own `fetch`.

import type { Fetch } from './headers.ts'

/**
 * Looked up per call, so that tools which replace the global one are heard; called bare, as browsers
 * demand.
 */
export const fetchOfRuntime: Fetch = (url, init) => fetch(url, init)
