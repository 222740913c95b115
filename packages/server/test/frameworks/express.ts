import express from 'express'
import { memoryLog } from '@tidemark/log'
import { createTidemark } from '../../src/index.ts'

export const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })

// #region readme
const app = express()
app.use(express.json({ limit: '512kb' })) // may stand before: what it has read is taken from request.body
app.use('/events', (request, response) => {
  response.set('X-App', 'express')
  void tide.subscribe(request, response)
})
// #endregion

export const server = app.listen(0, '127.0.0.1')
