// The pages about settings, made from their rows: the reference, the schema for editors, and a part of
// the command line's README.

import { join } from 'node:path'
import { describeRange, writeValue } from '../packages/hub/src/config/describe-kind.ts'
import { configJsonSchema } from '../packages/hub/src/config/json-schema.ts'
import { findOption } from '../packages/hub/src/config/options.ts'
import type { ListKind, ScalarKind, Setting } from '../packages/hub/src/config/setting.ts'
import { settings } from '../packages/hub/src/config/settings.ts'
import { rootFolder } from './read-rooms.ts'

/** Where the pages are kept. */
export const settingPaths = {
  reference: join(rootFolder, 'docs/reference/configuration.md'),
  schema: join(rootFolder, 'docs/reference/config.schema.json'),
  readme: join(rootFolder, 'packages/cli/README.md'),
} as const

/** The text of `docs/reference/config.schema.json`. */
export function renderSchema(): string {
  return `${JSON.stringify(configJsonSchema, null, 2)}\n`
}

/** The text of `docs/reference/configuration.md`. */
export function renderSettingReference(): string {
  return `${intro}\n${renderTable(false)}\n\n${settings.map(renderSetting).join('\n')}`
}

/** The README with its part about settings made anew: what stands between two marks. */
export function renewReadme(text: string): string {
  const [before, rest] = splitOnce(text, beginMark)
  const [, after] = splitOnce(rest, endMark)
  return `${before}${beginMark}\n\n${renderFile()}\n\n${renderTable(true)}\n\n${endMark}${after}`
}

const beginMark = '<!-- Made by `npm run docs` from packages/hub/src/config/settings.ts: -->'
const endMark = '<!-- Up to here. -->'

function splitOnce(text: string, mark: string): readonly [string, string] {
  const at = text.indexOf(mark)
  if (at === -1) throw new Error(`The README of the command line has lost its mark ${mark}`)
  return [text.slice(0, at), text.slice(at + mark.length)]
}

/** The file with every setting at its default. */
function renderFile(): string {
  const tops = [...new Set(settings.map(({ path: [top = ''] }) => top))]
  const lines = tops.map((top) => {
    const own = settings.filter(({ path }) => path[0] === top)
    const members = own.map(({ path, default: initial }) =>
      path[1] === undefined
        ? JSON.stringify(initial)
        : `${JSON.stringify(path[1])}: ${JSON.stringify(initial)}`,
    )
    const value = own[0]?.path.length === 1 ? members.join() : `{ ${members.join(', ')} }`
    return `  ${JSON.stringify(top)}: ${value}`
  })
  return `\`\`\`json\n{\n${lines.join(',\n')}\n}\n\`\`\``
}

function renderTable(hasHelp: boolean): string {
  const rows = settings.map(({ name, kind, help, more = '', ...row }) => {
    const initial = showDefault({ kind, default: row.default })
    const text = hasHelp ? ` ${[help, more].join(' ').trim()} |` : ''
    return `| \`${name}\` | ${initial} | ${describeValues(kind)} |${text}`
  })
  const head = hasHelp
    ? '| setting | default | values | what |\n|---|---|---|---|'
    : '| setting | default | values |\n|---|---|---|'
  return `${head}\n${rows.join('\n')}`
}

function renderSetting(row: Setting): string {
  const { name, help, more, kind, example, default: initial } = row
  const option = findOption(row)
  const given =
    option === undefined
      ? 'In the file only.'
      : `Flag \`--${[option.flag, option.value].filter((part) => part !== undefined).join(' ')}\`, variable \`${option.env}\`.`
  const lines = [
    `- Values: ${describeValues(kind)}. Default ${showDefault(row)}.`,
    `- ${given}`,
    `- In the file: \`${showInFile(row, example)}\``,
  ]
  const members = kind.kind === 'list' ? `\n${renderMembers(kind)}\n` : ''
  const text = more === undefined ? help : `${help} ${more}`
  const note =
    (kind.kind === 'path' || kind.kind === 'place') && initial === ''
      ? ' A relative path begins at the current directory.'
      : ''
  return `## \`${name}\`\n\n${text}${note}\n\n${lines.join('\n')}\n${members}`
}

function renderMembers({ members }: ListKind): string {
  const rows = Object.entries(members).map(
    ([name, { kind, help, example, isRequired }]) =>
      `| \`${name}\` | ${isRequired ? 'yes' : 'no'} | ${describeValues(kind)} | \`${JSON.stringify(example)}\` | ${help} |`,
  )
  return `| member | required | values | example | what |\n|---|---|---|---|---|\n${rows.join('\n')}`
}

/** `{ "retention": { "maxAge": "7d" } }`. */
function showInFile({ path: [top = '', inner] }: Setting, example: unknown): string {
  const value = JSON.stringify(example)
  const own = inner === undefined ? value : `{ ${JSON.stringify(inner)}: ${value} }`
  return `{ ${JSON.stringify(top)}: ${own} }`
}

function showDefault({ kind, default: initial }: Pick<Setting, 'kind' | 'default'>): string {
  const text = writeValue(initial)
  return text === '' || kind.kind === 'list' ? 'none' : `\`${text}\``
}

/** The values of a setting, in the words of a table. */
function describeValues(kind: ScalarKind | ListKind): string {
  if (kind.kind === 'word') return `\`${kind.word}\`, or ${describeValues(kind.or)}`
  if (kind.kind === 'duration' || kind.kind === 'bytes') {
    return describeRange(kind).replace(/^from /, '')
  }
  if (kind.kind === 'count') {
    const [from, to] = [kind.from, kind.to].map((end) => end.toLocaleString('en-US'))
    return `${from} to ${to}${kind.unit === undefined ? '' : ` ${kind.unit}`}`
  }
  if (kind.kind === 'flag') return '`true`, `false`'
  if (kind.kind === 'choice') return kind.of.map((word) => `\`${word}\``).join(', ')
  if (kind.kind === 'log') return 'a directory, or `memory:`'
  if (kind.kind === 'pattern') return 'a topic or a pattern'
  if (kind.kind === 'list')
    return `${kind.max.toLocaleString('en-US')} ${kind.things ?? 'rules'} at most`
  if (kind.kind === 'secret') return 'a secret, or `@` and a file that holds it'
  if (kind.kind === 'texts')
    return `${kind.max.toLocaleString('en-US')} at most: ${describeValues(kind.of)}`
  if (kind.kind === 'names')
    return `${kind.names} for each of ${kind.of.map((name) => `\`${name}\``).join(', ')}`
  return kind.names
}

const intro = `# Configuration

<!-- Made by \`npm run docs\` from packages/hub/src/config/settings.ts. Change it there. -->

Every setting of a hub. A value comes from the first of these that gives one:

1. a flag of \`tidemark serve\`: \`--retention-max-age 7d\`,
2. a variable: \`TIDEMARK_RETENTION_MAX_AGE=7d\`; an empty one counts as none, and so do those that Kubernetes
   sets for a service named \`tidemark\` (\`TIDEMARK_PORT=tcp://…\`),
3. the file \`tidemark.config.json\` of the current directory, or the one that \`--config\` names,
4. the default.

\`tidemark config\` prints what is in force and where each value comes from; \`tidemark config --json\` is for
programs.

Durations are written as \`500ms\`, \`15s\`, \`5m\`, \`24h\`, \`7d\`; sizes as \`512B\`, \`64KiB\`, \`1MiB\`, \`1GB\`. In the
file they may be plain numbers too, of milliseconds and of bytes. Durations are whole milliseconds, sizes whole
bytes. Relative paths begin at the current directory. An unknown name and a value out of range stop the hub
before it opens anything: \`CONFIG_INVALID\` names all of them.

Editors check the file against [config.schema.json](config.schema.json), which \`tidemark config --schema\`
prints. The file names the schema: \`"$schema": "./tidemark.schema.json"\`.
`
