// `tidemark config`: what is in force, and where each value comes from.

import { configJsonSchema, explainConfig } from '@tidemark/hub'
import type { SettingInForce } from '@tidemark/hub'
import type { CommandBody, CommandLine } from './command.ts'
import { escapeControls } from './escape-controls.ts'
import { exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { print } from './output.ts'
import { readSources, settingOptions } from './setting-options.ts'

/** Explains the settings. */
export const config: CommandBody = {
  usage: '[options]',
  description: `Prints every setting that a hub started here with the same options would have, and what gave it: the default, the
configuration file, a variable or an option. An option beats a variable, which beats the file, which beats the default.

Nothing is opened or changed. What is wrong with the settings is said as serve would say it, and ends it with 78. Secrets are not printed.`,
  options: [
    { name: 'json', help: 'A JSON array with name, value, unit, source and from of each setting.' },
    { name: 'schema', help: 'The JSON Schema of the configuration file instead, for editors.' },
    ...settingOptions,
  ],
  examples: [
    'tidemark config',
    'tidemark config --config /etc/tidemark.json --port 7171',
    `tidemark config --json | jq '.[] | select(.source != "default")'`,
    'tidemark config --schema > tidemark.schema.json   # and "$schema": "./tidemark.schema.json"',
  ],
  run,
}

async function run(line: CommandLine): Promise<ExitCode> {
  const sources = readSources('config', line)
  if (line.values.has('schema')) {
    await print(`${JSON.stringify(configJsonSchema, null, 2)}\n`)
    return exitCodes.done
  }
  const settings = explainConfig(sources)
  await print(line.values.has('json') ? renderJson(settings) : renderTable(settings))
  return exitCodes.done
}

/** A row on a line of its own. Paths may have characters that steer a terminal. */
function renderJson(settings: readonly SettingInForce[]): string {
  const rows = settings.map(({ name, value, unit, origin }) => {
    const { kind: source } = origin
    const from = origin.kind === 'default' ? undefined : origin.name
    return `  ${escapeControls(JSON.stringify({ name, value, unit, source, from }))}`
  })
  return `[\n${rows.join(',\n')}\n]\n`
}

function renderTable(settings: readonly SettingInForce[]): string {
  const rows = settings.map(({ name, text, origin }) => [
    name,
    escapeControls(text),
    escapeControls(origin.kind === 'default' ? 'default' : origin.name),
  ])
  const table = [['setting', 'value', 'from'], ...rows]
  const width = (column: number): number =>
    Math.max(...table.map((row) => Math.min(row[column]?.length ?? 0, columnMax)))
  const [names, values] = [width(0), width(1)]
  return table
    .map(([name = '', value = '', from = '']) => {
      return `${name.padEnd(names)}  ${value.padEnd(values)}  ${from}\n`
    })
    .join('')
}

/** A list of a hundred rules must not push what stands beside the others off the screen. Characters. */
const columnMax = 40
