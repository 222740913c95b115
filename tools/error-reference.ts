// The reference of error codes, made from the registries of all rooms.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { readRooms, rootFolder } from './read-rooms.ts'

/** A code's row in a registry. Codes that no request is answered with have a sentence only. */
export interface Entry {
  readonly title: string
  readonly status?: number | undefined
  /** Values of headers; `varies` where they differ from answer to answer. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Why a stream that is refused so ends, for an EventSource. */
  readonly bye?: string | undefined
}

/** One room's codes with what they mean, in the order of the source. */
export interface Registry {
  readonly packageName: string
  readonly codes: Readonly<Record<string, Entry>>
}

/** Where the reference is kept. */
export const referencePath: string = join(rootFolder, 'docs/reference/errors.md')

/** Reads `<room>Errors` of every `packages/<room>/src/errors.ts`. The packages must be built. */
export async function readRegistries(): Promise<Registry[]> {
  const registries: Registry[] = []
  for (const room of readRooms()) {
    const path = join(rootFolder, 'packages', room.name, 'src/errors.ts')
    if (!existsSync(path)) continue
    const exported = (await import(pathToFileURL(path).href)) as Record<string, unknown>
    const codes: Record<string, Entry> = {}
    for (const [name, value] of Object.entries(exported)) {
      if (name.endsWith('Errors')) Object.assign(codes, readCodes(`${room.name}: ${name}`, value))
    }
    if (Object.keys(codes).length > 0) {
      registries.push({ packageName: room.manifest.name, codes })
    }
  }
  return registries
}

function readCodes(where: string, value: unknown): Record<string, Entry> {
  const entries = Object.entries(value as Record<string, unknown>).map(([code, given]) => {
    const entry = typeof given === 'string' ? { title: given } : (given as Partial<Entry>)
    if (!/^[A-Z][A-Z0-9_]*$/.test(code) || typeof entry.title !== 'string') {
      throw new Error(`${where} must map CODES to sentences or rows; got ${code}: ${typeof given}.`)
    }
    return [code, entry] as const
  })
  return Object.fromEntries(entries) as Record<string, Entry>
}

/** The text of `docs/reference/errors.md`. */
export function renderReference(registries: readonly Registry[]): string {
  const rooms = registries.map(({ packageName, codes }) => {
    const isAnswered = Object.values(codes).some(({ status }) => status !== undefined)
    const head = isAnswered
      ? '| code | meaning | status | headers |\n|---|---|---|---|'
      : '| code | meaning |\n|---|---|'
    const rows = Object.entries(codes).map(([code, entry]) => renderRow(code, entry, isAnswered))
    return `## ${packageName}\n\n${head}\n${rows.join('\n')}\n`
  })
  return `${intro}\n${rooms.join('\n')}`
}

/**
 * One code. Where a room's errors answer requests, a code without a status is one that no request is
 * answered with.
 */
export function renderRow(code: string, entry: Entry, isAnswered: boolean): string {
  const { title, status, headers = {} } = entry
  const cells = [`\`${code}\``, title.replaceAll('|', '\\|')]
  if (isAnswered) {
    const texts = Object.entries(headers).map(([name, value]) =>
      value === 'varies' ? `\`${name}\`` : `\`${name}: ${value}\``,
    )
    cells.push(status === undefined ? '–' : String(status), texts.join(', ') || '–')
  }
  return `| ${cells.join(' | ')} |`
}

const intro = `# Error codes

<!-- Made by \`npm run docs\` from the registries in packages/*/src/errors.ts. Change the sentence there. -->

Every error has a stable \`code\`. Code has it on the error object, HTTP in the \`code\` member
of an \`application/problem+json\` answer, and the command line in its message. A code never changes its meaning; the
sentence beside it may become clearer. The message of the error itself says what was wrong, what was given and
what to do. Where a room answers requests, its table has the HTTP status as well, and the headers that the
answer carries because of the code.
`
