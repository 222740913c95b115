// The help texts, made from the table of commands.

import type { Command, CommandName, CommandOption } from './command.ts'

/** The text of `tidemark --help`. */
export function renderHelp(commands: readonly CommandName[]): string {
  const rows = commands.map(({ name, summary }) => [name, summary] as const)
  return `Tidemark: Server-Sent Events that never lose their place.

Usage: tidemark <command> [options]

Commands:
${renderRows(rows)}

  tidemark <command> --help   tells what a command does, with examples
  tidemark --version          prints the version

Try it, in three terminals:
  tidemark serve
  tidemark subscribe 'demo/**'
  tidemark publish demo/greetings 'Hello'

Exit codes: 0 done, 64 wrong usage, 65 input refused, 69 hub or port unavailable, 71 system
limit, 73 data directory unusable, 74 input or output failed, 76 not a hub, 77 not allowed, 78
wrong configuration, 130 or 143 interrupted, 1 anything else.
`
}

/** The text of `tidemark <command> --help`. */
export function renderCommandHelp(command: Command): string {
  return `${command.summary}

Usage: tidemark ${command.name} ${command.usage}

${wrapParagraphs(command.description)}

Options:
${renderRows(command.options.map(describeOption))}

Examples:
${command.examples.map((example) => `  ${example}`).join('\n')}
`
}

/** The source breaks lines where it likes; an empty line ends a paragraph. */
function wrapParagraphs(text: string): string {
  const paragraphs = text.split('\n\n').map((paragraph) => paragraph.replaceAll('\n', ' '))
  return paragraphs.map((paragraph) => wrap(paragraph, lineLengthMax).join('\n')).join('\n\n')
}

function describeOption(option: CommandOption): readonly [string, string] {
  const { name, value, help } = option
  const initial = (option.default ?? '') === '' ? '' : ` Default ${option.default}.`
  return [value === undefined ? `--${name}` : `--${name} ${value}`, `${help}${initial}`]
}

const lineLengthMax = 100

function renderRows(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  const indent = ' '.repeat(width + 4)
  return rows
    .map(
      ([left, right]) =>
        `  ${left.padEnd(width)}  ${wrap(right, lineLengthMax - width - 4).join(`\n${indent}`)}`,
    )
    .join('\n')
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
