// The answer of a hub as JSON on several lines.

import { escapeControls } from './escape-controls.ts'
import { print } from './output.ts'

/** Strings in it may have characters that steer a terminal. */
export async function printJson(value: unknown): Promise<void> {
  const lines = JSON.stringify(value, null, 2).split('\n')
  await print(lines.map((text) => `${escapeControls(text)}\n`).join(''))
}
