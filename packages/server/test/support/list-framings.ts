// Every framing a client can ask for.

import { createFraming, fieldNames } from '../../src/framing/framing.ts'
import type { FieldName, Framing } from '../../src/framing/framing.ts'
import { packText } from '../../src/node/pack-text.ts'

/** Two shapes × sixteen sets of fields × two names, each packed or not, and batch: 129. */
export function listFramings(): Framing[] {
  const framings = [createFraming({ shape: 'batch', fields: [], isNamedByTopic: false })]
  for (const shape of ['plain', 'envelope'] as const) {
    for (let mask = 0; mask < 2 ** fieldNames.length; mask++) {
      const fields: FieldName[] = fieldNames.filter((_, i) => (mask & (2 ** i)) > 0)
      for (const isNamedByTopic of [false, true])
        for (const pack of [undefined, packText])
          framings.push(createFraming({ shape, fields, isNamedByTopic, pack }))
    }
  }
  return framings
}
