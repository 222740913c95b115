// The reference of error codes, made from the registries of all rooms.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { readRooms, rootFolder } from './read-rooms.ts'

/** One room's codes with their sentences, in the order of the source. */
export interface Registry {
  readonly packageName: string
  readonly codes: Readonly<Record<string, string>>
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
    const codes: Record<string, string> = {}
    for (const [name, value] of Object.entries(exported)) {
      if (name.endsWith('Errors')) Object.assign(codes, readCodes(`${room.name}: ${name}`, value))
    }
    if (Object.keys(codes).length > 0) {
      registries.push({ packageName: room.manifest.name, codes })
    }
  }
  return registries
}

function readCodes(where: string, value: unknown): Record<string, string> {
  const entries = Object.entries(value as Record<string, unknown>)
  for (const [code, sentence] of entries) {
    if (!/^[A-Z][A-Z0-9_]*$/.test(code) || typeof sentence !== 'string') {
      throw new Error(`${where} must map CODES to sentences; got ${code}: ${typeof sentence}.`)
    }
  }
  return Object.fromEntries(entries) as Record<string, string>
}

/** The text of `docs/reference/errors.md`. */
export function renderReference(registries: readonly Registry[]): string {
  const rooms = registries.map(({ packageName, codes }) => {
    const rows = Object.entries(codes).map(
      ([code, sentence]) => `| \`${code}\` | ${sentence.replaceAll('|', '\\|')} |`,
    )
    return `## ${packageName}\n\n| code | meaning |\n|---|---|\n${rows.join('\n')}\n`
  })
  return `${intro}\n${rooms.join('\n')}`
}

const intro = `# Error codes

<!-- Made by \`npm run docs\` from the registries in packages/*/src/errors.ts. Change the sentence there. -->

Every error has a stable \`code\`: on the error object in code, in the \`code\` member of an
\`application/problem+json\` answer over HTTP, in the message on the command line. A code never changes its meaning;
the sentence beside it may become clearer. The message of the error itself says what was wrong, what was given and
what to do.
`
