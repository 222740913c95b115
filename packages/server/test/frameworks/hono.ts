import type { Server } from 'node:http'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { memoryLog } from '@tidemark/log'
import { createTidemark } from '../../src/index.ts'

export const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })

// #region readme
const app = new Hono()
app.all('/events', async (context) => {
  const response = await tide.fetch(context.req.raw)
  response.headers.set('X-App', 'hono') // what context.header() has set before is lost
  return response
})
// #endregion

export const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server
