import { mkdtempSync, readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryLog } from '@tidemark/log'
import { makeCertificate } from '@tidemark/testkit'
import { createTidemark } from '../../src/index.ts'

export const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })

const files = await makeCertificate(mkdtempSync(join(tmpdir(), 'tidemark-http2-')))
const [key, cert] = [readFileSync(files.key), readFileSync(files.cert)]

// #region readme
export const server = createSecureServer({ key, cert, allowHTTP1: true }, (request, response) => {
  response.setHeader('X-App', 'http2')
  void tide.subscribe(request, response)
})
// #endregion

server.listen(0, '127.0.0.1')
