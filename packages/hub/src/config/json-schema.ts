// The JSON Schema of the configuration file, for editors: what the hub reads by, in their language.

import { z } from 'zod'
import { configSchema } from './config-schema.ts'

/** A JSON Schema. */
export type JsonSchema = Readonly<Record<string, unknown>>

/**
 * The schema of `tidemark.config.json`, draft 07, which editors know best. It takes whatever the hub
 * takes; the hub also refuses texts that are out of range, and settings that contradict each other.
 */
export const configJsonSchema: JsonSchema = {
  title: 'tidemark.config.json',
  description: 'Settings of a Tidemark hub. Durations as 15s or in ms, sizes as 64KiB or in bytes.',
  ...z.toJSONSchema(configSchema, { target: 'draft-7', io: 'input' }),
}
