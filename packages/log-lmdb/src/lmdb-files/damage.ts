// What is wrong with a data file, found by reading it without LMDB.

/** Thrown while a file is looked through; the message says what was seen. */
export class DamageSeen extends Error {
  override readonly name = 'DamageSeen'
}

/** @throws DamageSeen unless `holds` */
export function requireSound(holds: boolean, describe: () => string): void {
  if (!holds) throw new DamageSeen(describe())
}

/** What a look saw, or nothing; anything else it throws goes on. */
export function catchDamage(look: () => void): string | undefined {
  try {
    look()
    return undefined
  } catch (error) {
    if (error instanceof DamageSeen) return error.message
    throw error
  }
}
