import { createServer } from 'node:http'
import { createTidemark } from '@tidemark/server'

const page = `<body><script>
  new EventSource('/events').onmessage = (event) => document.body.append(event.data, ' ')
</script>`
const tide = createTidemark()
setInterval(() => void tide.publish('clock', { data: new Date().toISOString() }), 1_000)

createServer((request, response) => {
  if (request.url === '/events') void tide.subscribe(request, response, { topics: ['clock'] })
  else response.setHeader('Content-Type', 'text/html').end(page)
}).listen(8080)
