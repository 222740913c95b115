// Every setting that a flag or a variable can give, with the words for `--help`.

import { describeValue, writeValue } from './describe-kind.ts'
import type { Setting } from './setting.ts'
import { settings } from './settings.ts'

/**
 * One setting. Its flag is `--retention-max-age`, its variable `TIDEMARK_RETENTION_MAX_AGE`, its place
 * in the file `retention.maxAge`.
 */
export interface ConfigOption {
  readonly flag: string
  readonly env: string
  readonly path: readonly string[]
  /** The kind of value it takes, for help: `<port>`. A flag without a value is `true`. */
  readonly value: string | undefined
  readonly default: string
  readonly help: string
  /** Its value is shown to nobody. */
  readonly isSecret: boolean
  /** Its value is a list: a second one would take the place of the first. */
  readonly isList: boolean
}

/**
 * All settings with a flag. Rules per pattern (`retention.rules`, `delivery.rules`) are for the file
 * only.
 */
export const configOptions: readonly ConfigOption[] = settings.flatMap((setting) => {
  const option = findOption(setting)
  return option === undefined ? [] : [option]
})

/** The flag and the variable of a setting; undefined for a list. */
export function findOption(setting: Setting): ConfigOption | undefined {
  const { name, flag = name, path, kind, help } = setting
  if (kind.kind === 'list') return undefined
  const words = flag
    .replaceAll('.', '-')
    .replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  const value = describeValue(setting)
  return {
    flag: words,
    env: `TIDEMARK_${words.replaceAll('-', '_').toUpperCase()}`,
    path,
    value: value === '' ? undefined : value,
    default: writeValue(setting.default),
    help,
    isSecret: setting.isSecret === true,
    isList: kind.kind === 'texts',
  }
}
