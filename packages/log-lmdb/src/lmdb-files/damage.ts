// Damage of a data file, found by reading the file without LMDB.

/** Thrown while a file is checked; the message says what was seen. */
export class DamageSeen extends Error {
  override readonly name = 'DamageSeen'
}

/** @throws DamageSeen unless `holds` */
export function requireSound(holds: boolean, describe: () => string): void {
  if (!holds) throw new DamageSeen(describe())
}

/** Runs a check and returns the damage it saw, if any. Other errors are thrown on. */
export function catchDamage(look: () => void): string | undefined {
  try {
    look()
    return undefined
  } catch (error) {
    if (error instanceof DamageSeen) return error.message
    throw error
  }
}
