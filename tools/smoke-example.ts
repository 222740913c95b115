// Starts `examples/login` in a project that has the packed packages and nothing of this workspace, logs in,
// and listens.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { rootFolder } from './read-rooms.ts'

/** Each step takes under a second; what takes this long hangs. Milliseconds. */
const timeoutMs = 30_000

/** Puts the example beside the installed packages; resolves to its folder. */
export function copyExample(project: string): string {
  const folder = join(project, 'login')
  cpSync(join(rootFolder, 'examples/login'), folder, { recursive: true })
  return folder
}

/** Resolves to what went wrong, or to undefined. */
export async function smokeExample(node: string, folder: string): Promise<string | undefined> {
  const child = spawn(node, ['server.js'], {
    cwd: folder,
    env: { ...process.env, PORT: '0', OTHER_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  const ended = once(child, 'close')
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const url = await new Promise<string | undefined>((resolve) => {
    child.stdout.on('data', () => {
      const found = /The application: +(\S+)\/\n/.exec(output)?.[1]
      if (found !== undefined) resolve(found)
    })
    child.once('close', () => resolve(undefined))
  })
  const fault = url === undefined ? 'it does not listen' : await logInAndListen(url)
  child.kill('SIGTERM')
  const [code] = (await ended) as [number | null]
  if (fault !== undefined) return `${fault}\n${output}`
  return code === 0 ? undefined : `it ended with ${code}\n${output}`
}

async function logInAndListen(url: string): Promise<string | undefined> {
  const headers = { 'Content-Type': 'application/json' }
  const body = JSON.stringify({ user: 'ada', password: 'analytical-engine' })
  const login = await fetch(`${url}/token`, { method: 'POST', headers, body })
  const { accessToken } = (await login.json()) as { readonly accessToken?: string }
  if (accessToken === undefined) return `its login is answered with ${login.status}`
  const stream = await fetch(`${url}/events?topic=users/ada/notes`, {
    headers: { Authorization: `Bearer ${accessToken}` },
  })
  const first = await stream.body?.getReader().read()
  const text = new TextDecoder().decode(first?.value)
  if (!text.includes('tidemark.ready')) return `its stream of status ${stream.status} says ${text}`
  const module = await fetch(`${url}/modules/client/index.js`)
  return module.ok ? undefined : `the module of the client is answered with ${module.status}`
}
