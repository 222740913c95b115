// The recipe of docs/guide/outbox.md, which has the same lines.

import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { Publisher } from '@tidemark/client'

export function makeTables(db: DatabaseSync): void {
  db.exec(`
    CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, total INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS outbox (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      key TEXT NOT NULL UNIQUE,
      topic TEXT NOT NULL,
      type TEXT NOT NULL,
      data TEXT NOT NULL
    )`)
}

/** The order and its event, or neither: one transaction of the database. */
export function placeOrder(db: DatabaseSync, id: string, total: number): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    db.prepare('INSERT INTO orders VALUES (?, ?)').run(id, total)
    db.prepare('INSERT INTO outbox (key, topic, type, data) VALUES (?, ?, ?, ?)').run(
      randomUUID(),
      `orders/${id}`,
      'placed',
      JSON.stringify({ id, total }),
    )
    db.exec('COMMIT')
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

interface Row {
  readonly id: number
  readonly key: string
  readonly topic: string
  readonly type: string
  readonly data: string
}

/** Publishes what waits, in order; resolves to how many events that were. One relay at a time. */
export async function relay(db: DatabaseSync, publisher: Publisher): Promise<number> {
  const rows = db
    .prepare('SELECT * FROM outbox ORDER BY id LIMIT 100')
    .all() as unknown as readonly Row[]
  for (const { id, key, topic, type, data } of rows) {
    // The publisher does not let go before the hub has the event. A crash before the next line repeats it,
    // with the same key: that adds nothing.
    await publisher.publish(topic, { type, data }, { idempotencyKey: key })
    db.prepare('DELETE FROM outbox WHERE id = ?').run(id)
  }
  return rows.length
}
