// Compressed events that may be wanted again: the same event in another framing, or in the next replay.

import { packedKeptCharactersMax, packedOverheadCharacters } from '../limits.ts'
import type { PackText } from './packed.ts'

/**
 * Compresses a text with a name once, while it is among those that were wanted last. Compressing 1 MiB takes
 * 20 ms of the only thread, and one event can be asked for in 64 framings.
 */
export function rememberPacked(pack: PackText | undefined): PackText | undefined {
  if (pack === undefined) return undefined
  const kept = new KeptTexts()
  return (text, name) => {
    if (name === undefined) return pack(text)
    const known = kept.get(name)
    if (known !== undefined) return known
    const packed = pack(text)
    kept.put(name, packed)
    return packed
  }
}

/** Texts by name, as many as there is room for: those go first that were not wanted for longest. */
class KeptTexts {
  readonly #texts = new Map<string, string>()
  #characters = 0

  get(name: string): string | undefined {
    const text = this.#texts.get(name)
    if (text === undefined) return undefined
    this.#texts.delete(name)
    this.#texts.set(name, text)
    return text
  }

  put(name: string, text: string): void {
    this.#texts.set(name, text)
    this.#characters += measure(text)
    for (const [oldest, other] of this.#texts) {
      if (this.#characters <= packedKeptCharactersMax) return
      this.#texts.delete(oldest)
      this.#characters -= measure(other)
    }
  }
}

function measure(text: string): number {
  return text.length + packedOverheadCharacters
}
