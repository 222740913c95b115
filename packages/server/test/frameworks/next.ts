import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { memoryLog } from '@tidemark/log'
import { createTidemark } from '../../src/index.ts'

export const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })

// #region readme
export const dynamic = 'force-dynamic'
export const GET = (request: Request): Promise<Response> => tide.fetch(request)
export const POST = (request: Request): Promise<Response> => tide.fetch(request)
// #endregion

// Next.js calls its route handlers with a `Request`, and answers other methods itself.
const handle = getRequestListener((request) =>
  request.method === 'POST' ? POST(request) : GET(request),
)
export const server = createServer((request, response) => void handle(request, response)).listen(
  0,
  '127.0.0.1',
)
