// Histories that part: random restarts, backups, restores and copies, each cursor held against what its owner has seen.

import fc from 'fast-check'
import { expect, test } from 'vitest'

import { Lineage } from '../src/lineage.ts'
import type { Position } from '../src/position.ts'
import { sequenceOf } from '../src/position.ts'

/** One directory: what it holds, and under which epochs it was written. */
interface Site {
  readonly events: readonly number[]
  readonly lineage: Lineage
}

/** A client that has seen `seen` of some history and stands behind the last of it. */
interface Cursor {
  readonly position: Position
  readonly seen: readonly number[]
}

type Step =
  | { readonly do: 'publish'; readonly site: number; readonly count: number }
  | { readonly do: 'restart'; readonly site: number }
  /** `from`'s data as it is now; copied while it runs, so that the original goes on under its epoch. */
  | { readonly do: 'backup'; readonly from: number }
  /** Puts an earlier backup in the place of a site, and opens it. */
  | { readonly do: 'restore'; readonly backup: number; readonly site: number }

const sites = 3
const siteOf = fc.nat(sites - 1)
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('publish'), site: siteOf, count: fc.nat(4) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('restart'), site: siteOf }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('backup'), from: siteOf }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('restore'), backup: fc.nat(9), site: siteOf }),
  },
)

class World {
  readonly cursors: Cursor[] = []
  readonly #sites: Site[]
  readonly #backups: Site[] = []
  #now = 1.8e12
  #next = 1
  #random = 0

  constructor() {
    const first = Lineage.found(this.#opening())
    this.#sites = Array.from({ length: sites }, () => this.#open({ events: [], lineage: first }))
  }

  get sites(): readonly Site[] {
    return this.#sites
  }

  take(step: Step): void {
    this.#now += 1
    if (step.do === 'publish') this.#publish(step.site, step.count)
    else if (step.do === 'restart') this.#put(step.site, this.#siteAt(step.site))
    else if (step.do === 'backup') this.#backups.push(this.#siteAt(step.from))
    else {
      const backup = this.#backups[step.backup % Math.max(1, this.#backups.length)]
      if (backup !== undefined) this.#put(step.site, backup)
    }
    for (const { events, lineage } of this.#sites) {
      this.cursors.push({ position: lineage.positionAt(events.length), seen: events })
    }
  }

  #publish(at: number, count: number): void {
    const { events, lineage } = this.#siteAt(at)
    const added = Array.from({ length: count }, () => this.#next++)
    this.#sites[at] = { events: [...events, ...added], lineage }
  }

  #put(at: number, site: Site): void {
    this.#sites[at] = this.#open(site)
  }

  #open({ events, lineage }: Site): Site {
    return { events, lineage: lineage.open({ head: events.length, ...this.#opening() }) }
  }

  #opening(): { readonly now: number; readonly randomBytes: () => Uint8Array } {
    // Each opening its own, as 4 random bytes nearly always are.
    this.#random += 1
    const { buffer } = new Uint32Array([this.#random])
    return { now: this.#now, randomBytes: () => new Uint8Array(buffer) }
  }

  #siteAt(at: number): Site {
    const site = this.#sites[at]
    if (site === undefined) throw new Error(`No site ${at}.`)
    return site
  }
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length += 1
  return length
}

test('a cursor is exact where its owner has seen just what the history holds, and nowhere else', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 60 }), (taken) => {
      const world = new World()
      for (const step of taken) world.take(step)
      for (const { events, lineage } of world.sites) {
        const extent = { first: 0, head: events.length }
        for (const { position, seen } of world.cursors) {
          const place = lineage.place(position, extent)
          const isShared = commonLength(seen, events) === seen.length
          expect(place.lost === undefined).toBe(isShared)
          expect(sequenceOf(position)).toBe(seen.length)
          if (isShared) expect(place.after).toBe(seen.length)
        }
      }
    }),
    { numRuns: 500 },
  )
})

test('restored from a backup, a history goes on for every client from where the lost one left it, however often both were restarted', () => {
  const restarts = fc.array(fc.nat(3), { maxLength: 5 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), restarts, restarts, (before, lost, after) => {
      const world = new World()
      const run = (counts: readonly number[]): void => {
        for (const count of counts) {
          world.take({ do: 'publish', site: 0, count })
          world.take({ do: 'restart', site: 0 })
        }
      }
      world.take({ do: 'publish', site: 0, count: before })
      world.take({ do: 'backup', from: 0 })
      world.take({ do: 'publish', site: 0, count: 2 })
      run(lost)
      const old = [...world.cursors]
      world.take({ do: 'restore', backup: 0, site: 0 })
      world.take({ do: 'publish', site: 0, count: 3 })
      run(after)
      const [restored] = world.sites
      const { events, lineage } = restored ?? { events: [], lineage: undefined }
      for (const { position, seen } of old) {
        const place = lineage?.place(position, { first: 0, head: events.length })
        expect(place?.after).toBe(commonLength(seen, events))
      }
    }),
    { numRuns: 500 },
  )
})

test('a copy and its original, both restarted once, each go on for the other’s clients from where they parted', () => {
  for (const isRunning of [false, true]) {
    const world = new World()
    world.take({ do: 'publish', site: 0, count: 4 })
    world.take({ do: 'backup', from: 0 })
    if (!isRunning) world.take({ do: 'restart', site: 0 })
    world.take({ do: 'restore', backup: 0, site: 1 })
    world.take({ do: 'publish', site: 0, count: 3 })
    world.take({ do: 'publish', site: 1, count: 2 })
    const [original, copy] = world.sites
    for (const [own, other] of [
      [original, copy],
      [copy, original],
    ]) {
      if (own === undefined || other === undefined) throw new Error('A site is missing.')
      const theirs = other.lineage.positionAt(other.events.length)
      expect(own.lineage.place(theirs, { first: 0, head: own.events.length })).toEqual({
        after: 4,
        lost: 'epoch',
      })
    }
  }
})

test('a lineage that is full forgets its older half, and tells the cursors of that half of a gap', () => {
  let random = 0
  const opening = (head: number) => ({
    head,
    now: 1.8e12 + head,
    randomBytes: () => new Uint8Array(new Uint32Array([(random += 1)]).buffer),
  })
  let lineage = Lineage.found(opening(0))
  const cursors: Position[] = []
  for (let head = 0; head < 1_500; head++) {
    lineage = lineage.open(opening(head))
    cursors.push(lineage.positionAt(head + 1))
  }
  const extent = { first: 1_200, head: 1_500 }
  expect(lineage.epochs.length).toBeLessThanOrEqual(1_001)
  const lost = cursors.map((position) => lineage.place(position, extent).lost)
  expect(lost.slice(1_000)).toEqual(Array.from({ length: 500 }, () => undefined))
  expect(lost.slice(0, 400)).toEqual(Array.from({ length: 400 }, () => 'epoch'))
  // No place of the forgotten half has a name that another history may have given to something else.
  const names = new Set(cursors.map((position) => JSON.stringify(position)))
  for (let sequence = 1; sequence <= 400; sequence++)
    expect(names.has(JSON.stringify(lineage.positionAt(sequence)))).toBe(false)
})

test('an epoch that wrote nothing leaves nothing behind', () => {
  let random = 0
  const opening = { now: 1.8e12, randomBytes: () => new Uint8Array([(random += 1), 0, 0, 0]) }
  let lineage = Lineage.found(opening).open({ head: 0, ...opening })
  const cursor = lineage.positionAt(0)
  for (let i = 0; i < 50; i++) lineage = lineage.open({ head: 0, ...opening })
  expect(lineage.epochs).toHaveLength(2)
  expect(lineage.place(cursor, { first: 0, head: 0 })).toEqual({ after: 0 })
})
