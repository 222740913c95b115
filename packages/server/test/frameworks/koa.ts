import { createServer } from 'node:http'
import Koa from 'koa'
import { memoryLog } from '@tidemark/log'
import { createTidemark } from '../../src/index.ts'

export const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })

// #region readme
const app = new Koa()
app.use(async (context) => {
  context.set('X-App', 'koa') // what is set on the context leaves with the stream
  context.respond = false // else Koa ends the stream with an answer of its own, `OK`
  await tide.subscribe(context.req, context.res)
})
// #endregion

const handle = app.callback()
export const server = createServer((request, response) => void handle(request, response)).listen(
  0,
  '127.0.0.1',
)
