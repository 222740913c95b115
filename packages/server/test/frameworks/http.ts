import { createServer } from 'node:http'
import { memoryLog } from '@tidemark/log'
import { createTidemark } from '../../src/index.ts'

export const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })

// #region readme
export const server = createServer((request, response) => {
  response.setHeader('X-App', 'http')
  void tide.subscribe(request, response)
})
// #endregion

server.listen(0, '127.0.0.1')
