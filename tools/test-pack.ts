// `npm run test:pack`: packs every publishable package and checks what a user would install.
//
// publint and attw read each tarball. Then all tarballs are installed together in an empty project. On
// every promised version of Node, every entry point is imported, one event is published and read back, and
// the login example is used.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { provideNodes } from './node-versions.ts'
import { readRooms } from './read-rooms.ts'
import type { Room } from './read-rooms.ts'
import { run } from './run-step.ts'
import { copyExample, smokeExample } from './smoke-example.ts'
import { smokeHub } from './smoke-hub.ts'

interface Packed {
  readonly name: string
  readonly path: string
  readonly files: readonly string[]
}

const stale = '. If its source was deleted, remove dist and build again.'
const failures: string[] = []
const folder = mkdtempSync(join(tmpdir(), 'tidemark-pack-'))
try {
  const rooms = readRooms().filter(({ manifest }) => manifest.private !== true)
  const packed = await packAll(rooms)
  for (const each of packed) {
    checkFiles(each)
    await checkWithPublint(each)
    if (
      rooms.some(({ manifest }) => manifest.name === each.name && '.' in (manifest.exports ?? {}))
    ) {
      await checkWithAttw(each)
    }
  }
  await checkOnEveryNode(rooms, packed)
  for (const failure of failures) console.error(failure)
  console.log(`${packed.length} packages packed, ${failures.length} findings.`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = failures.length > 0 ? 1 : 0

async function packAll(rooms: readonly Room[]): Promise<Packed[]> {
  const workspaces = rooms.flatMap(({ name }) => ['-w', `packages/${name}`])
  const args = ['pack', '--json', '--silent', '--pack-destination', folder, ...workspaces]
  const { code, output } = await run('npm', args)
  if (code !== 0) throw new Error(`npm pack failed:\n${output}`)
  const parsed = JSON.parse(output) as Record<string, PackReport> | PackReport[]
  return Object.values(parsed).map(({ name, filename, files }) => ({
    name,
    path: join(folder, basename(filename)),
    files: files.map(({ path }) => path),
  }))
}

interface PackReport {
  readonly name: string
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

/** License and readme come along, and every source map finds its source. */
function checkFiles({ name, files }: Packed): void {
  const has = new Set(files)
  for (const wanted of ['LICENSE', 'README.md', 'package.json']) {
    if (!has.has(wanted)) failures.push(`${name}: the package has no ${wanted}.`)
  }
  for (const path of files) {
    const built = /^dist\/(.*)\.js$/.exec(path)?.[1]
    if (built !== undefined) {
      for (const wanted of [`dist/${built}.d.ts`, `dist/${built}.js.map`, `src/${built}.ts`]) {
        if (!has.has(wanted)) failures.push(`${name}: ${path} comes without ${wanted}${stale}`)
      }
    }
    if (/(?:^|\/)(?:test|\.tsbuildinfo|tsconfig)/.test(path)) {
      failures.push(`${name}: ${path} does not belong in the package.`)
    }
  }
}

async function checkWithPublint({ name, path }: Packed): Promise<void> {
  const bytes = readFileSync(path)
  const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const { messages, pkg } = await publint({ strict: true, pack: { tarball } })
  for (const message of messages) {
    failures.push(`${name}: publint: ${formatMessage(message, pkg) ?? message.code}`)
  }
}

async function checkWithAttw({ name, path }: Packed): Promise<void> {
  // ESM only is a decision (CONTRIBUTING.md, "Packages"); old resolvers and `require` of Node 16 are out.
  const { code, output } = await run('attw', ['--profile', 'esm-only', '--no-color', path])
  if (code !== 0) failures.push(`${name}: attw:\n${output}`)
}

async function checkOnEveryNode(rooms: readonly Room[], packed: readonly Packed[]): Promise<void> {
  const project = mkdtempSync(join(folder, 'project-'))
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n')
  const nodes = await provideNodes()
  const install = ['install', '--prefer-offline', ...packed.map(({ path }) => path)]
  const { code, output } = await run('npm', install, { cwd: project })
  if (code !== 0) throw new Error(`The packages cannot be installed together:\n${output}`)
  writeFileSync(join(project, 'smoke.js'), renderSmoke(rooms))
  const example = copyExample(project)
  for (const { version, path } of nodes) {
    const smoke = await run(path, ['smoke.js'], { cwd: project })
    if (smoke.code !== 0) failures.push(`Node ${version}:\n${smoke.output}`)
    const program = 'node_modules/tidemark/bin/tidemark.js'
    const help = await run(path, [program, '--help'], { cwd: project })
    if (help.code !== 0) failures.push(`Node ${version}: tidemark --help:\n${help.output}`)
    const exampleFault = await smokeExample(path, example)
    if (exampleFault !== undefined)
      failures.push(`Node ${version}: examples/login: ${exampleFault}`)
    for (const workers of [1, 2]) {
      const fault = await smokeHub({ node: path, program, directory: project }, workers)
      if (fault !== undefined)
        failures.push(`Node ${version}: tidemark serve --workers ${workers}: ${fault}`)
    }
  }
}

function renderSmoke(rooms: readonly Room[]): string {
  const entries = rooms.flatMap(({ manifest }) =>
    Object.keys(manifest.exports ?? {})
      .filter((entry) => entry !== './package.json')
      .map((entry) => manifest.name + entry.slice(1)),
  )
  return `for (const entry of ${JSON.stringify(entries)}) {
  const exported = Object.keys(await import(entry))
  if (exported.length === 0) throw new Error(entry + ' exports nothing')
}
${renderSmokeExchange()}`
}

/**
 * A stream whose connection was taken from Node's HTTP server is still the application's to ask, to
 * hear and to end.
 */
function renderSmokeExchange(): string {
  return `
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { createTidemark } from '@tidemark/server'

const tide = createTidemark()
let kept
const server = createServer((request, response) => {
  kept = { request, response }
  void tide.subscribe(request, response, { topics: ['a'] })
}).listen(0, '127.0.0.1')
await once(server, 'listening')
const [answer] = await once(get({ port: server.address().port, path: '/' }), 'response')
let text = ''
answer.setEncoding('utf8').on('data', (chunk) => (text += chunk))
await turn()
await turn()
const { request, response } = kept
if (request.socket.parser !== null) throw new Error('the connection was not taken')
if (response.destroyed || request.aborted) throw new Error('an open stream counts as closed')
let closes = 0
response.on('close', () => (closes += 1))
response.end('event: bye\\n\\n')
await once(answer, 'end')
if (!text.endsWith('event: bye\\n\\n')) throw new Error('the stream does not end as told: ' + text)
while (closes === 0 || tide.sessionCount > 0) await turn()
if (!response.writableFinished || closes !== 1) throw new Error('the response was not closed once')
server.close()
await tide.close()
`
}
