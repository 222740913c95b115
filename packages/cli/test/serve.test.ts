// `tidemark serve` as a process: what it prints, and how it begins and ends.

import { execFile, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { makeCertificate } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { makeDirectory, run, start, startHub } from './program.ts'

const shell = promisify(execFile)

/** The words of a line whose quotes are single and plain. */
function splitWords(line: string): string[] {
  return line.split(' ').map((word) => word.replaceAll("'", ''))
}

test('the curl lines it prints work as printed', async () => {
  const hub = await startHub()
  const [, subscribeLine = ''] = await hub.waitFor('stdout', /subscribe {3}(curl .*)\n/)
  const [, publishLine = ''] = await hub.waitFor('stdout', /publish {5}(curl .*)\n/)
  await shell('sh', ['-c', publishLine])
  let stream = ''
  const [curl = '', ...args] = splitWords(
    subscribeLine.replace('topic=demo', 'topic=demo&since=earliest'),
  )
  const reader = spawn(curl, args)
  try {
    for await (const chunk of reader.stdout) {
      stream += String(chunk)
      if (stream.includes('data: hello\n\n')) break
    }
  } finally {
    reader.kill()
  }
  expect(stream).toContain('data: hello\n\n')
})

test('SIGTERM drains it and ends it with 0', async () => {
  const hub = await startHub()
  const reader = start(['subscribe', 'demo', '--since', 'earliest'], { env: hub.env })
  await run(['publish', 'demo', 'hello'], { env: hub.env })
  await reader.waitFor('stdout', /hello/)
  hub.child.kill('SIGTERM')
  expect((await hub.ended).code).toBe(0)
})

test('a port in use is named, with what to do', async () => {
  const { port } = new URL((await startHub()).url)
  const { code, stderr } = await run(['serve', '--port', port])
  expect(code).toBe(69)
  expect(stderr).toMatch(new RegExp(`^tidemark: Port ${port} .*--port.*\\(PORT_IN_USE\\)\\n$`))
})

test('a data directory that cannot be created is named', async () => {
  const directory = makeDirectory()
  writeFileSync(join(directory, 'file'), '')
  const { ended } = start(['serve', '--port', '0', '--data', './file/below'], { directory })
  const { code, stderr } = await ended
  expect(stderr).toMatch(/^tidemark: [^\n]*file\/below[^\n]*\(LOG_NOT_WRITABLE\)\n$/)
  expect(code).toBe(73)
})

test('a data directory that workers cannot create is named once, and ends with the same code', async () => {
  const directory = makeDirectory()
  writeFileSync(join(directory, 'file'), '')
  const args = ['serve', '--port', '0', '--workers', '2', '--data', './file/below']
  const { code, stderr } = await start(args, { directory }).ended
  expect(stderr).toMatch(/^tidemark: [^\n]*file\/below[^\n]*\(LOG_NOT_WRITABLE\)\n$/)
  expect(code).toBe(73)
})

test('a port in use is named with workers too', async () => {
  const { port } = new URL((await startHub()).url)
  const { code, stderr } = await run(['serve', '--port', port, '--workers', '2'])
  expect(code).toBe(69)
  expect(stderr).toMatch(new RegExp(`^tidemark: Port ${port} .*\\(PORT_IN_USE\\)\\n$`))
})

test('how many workers there are is printed once, with the one address of all of them', async () => {
  const program = start(['serve', '--port', '0', '--workers', '3', '--data', './events'])
  await program.waitFor('stdout', /3 workers serve them\./)
  program.child.kill('SIGTERM')
  const { code, stdout } = await program.ended
  expect(code).toBe(0)
  expect(stdout.match(/Its page: http:/g)).toHaveLength(1)
})

test('workers with a log in memory are refused with the reason', async () => {
  const { code, stderr } = await run(['serve', '--workers', '2', '--data', 'memory:'])
  expect(code).toBe(78)
  expect(stderr).toMatch(/in the memory of one process cannot be shared \(give data a directory/)
})

test.each(['0', '65', '1.5', 'all'])('%s workers are refused with the range', async (workers) => {
  const { code, stderr } = await run(['serve', '--workers', workers])
  expect(code).toBe(78)
  expect(stderr).toContain(`workers must be a whole number from 1 to 64; got "${workers}"`)
})

test.each(['1', '2'])(
  'a certificate that cannot be used ends the hub as a wrong setting does, with --workers %s',
  async (workers) => {
    const directory = makeDirectory()
    const [mine, other] = await Promise.all([
      makeCertificate(makeDirectory()),
      makeCertificate(makeDirectory()),
    ])
    const faults = [
      ['/nowhere.pem', mine.key, /Cannot read tls\.cert \/nowhere\.pem: ENOENT.* Give the path/],
      [mine.cert, directory, /Cannot read tls\.key .*: EISDIR.* Give the path/],
      [mine.cert, other.key, /is not the key of the certificate .* Name the two files/],
    ] as const
    for (const [cert, key, words] of faults) {
      const files = ['--tls-cert', cert, '--tls-key', key]
      const { code, stderr } = await run(['serve', '--port', '0', '--workers', workers, ...files])
      expect(stderr).toMatch(words)
      expect(stderr).toMatch(/^tidemark: [^\n]*\(TLS_UNUSABLE\)\n$/)
      expect(code).toBe(78)
    }
  },
)

test('settings come from the file, the variables and the options, the later beating the earlier', async () => {
  const directory = makeDirectory()
  writeFileSync(join(directory, 'tidemark.config.json'), '{"port": 1, "data": "memory:"}')
  const hub = start(['serve', '--port', '0'], { directory, env: { TIDEMARK_PORT: 'bad' } })
  await hub.waitFor('stdout', /kept in memory/)
})
