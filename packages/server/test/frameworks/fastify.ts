import fastify from 'fastify'
import { memoryLog } from '@tidemark/log'
import { createTidemark } from '../../src/index.ts'

export const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })

// #region readme
const app = fastify({ bodyLimit: 512 * 1024 })
app.all('/events', async (request, reply) => {
  reply.header('X-App', 'fastify')
  reply.hijack() // Fastify answers no more, and what was set on the reply is lost unless it is carried over
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) reply.raw.setHeader(name, value)
  await tide.subscribe(request.raw, reply.raw, { body: request.body })
})
// #endregion

await app.listen({ port: 0, host: '127.0.0.1' })
export const { server } = app
