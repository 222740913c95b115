// Histories that part: random restarts, backups, restores and copies, each cursor held against what
// its owner has seen.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { Lineage } from '../src/lineage.ts'
import type { Place } from '../src/lineage.ts'
import type { Position } from '../src/position.ts'
import { sequenceOf } from '../src/position.ts'

/** A data file, and the one that the newest record it was made with was written in. */
interface Copy {
  readonly base: Copy | undefined
}

/** Nothing is written in it, and all are made of it. */
const root: Copy = { base: undefined }

/** One directory: what it holds, the file each event was written in, and the file it is in. */
interface Site {
  readonly events: readonly number[]
  readonly files: readonly Copy[]
  readonly lineage: Lineage
  readonly own: Copy
}

/** A client that has seen `seen` of some history and stands behind the last of it. */
interface Cursor {
  readonly position: Position
  readonly seen: readonly number[]
  readonly file: Copy | undefined
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
  #random: number

  /** @param random where its randomness begins: two worlds share none of it when they begin far apart */
  constructor(random = 0) {
    this.#random = random
    const lineage = Lineage.found(this.#opening())
    const first = { events: [], files: [], lineage, own: root }
    this.#sites = Array.from({ length: sites }, () => this.#openCopy(first))
  }

  get sites(): readonly Site[] {
    return this.#sites
  }

  take(step: Step): void {
    this.#now += 1
    if (step.do === 'publish') this.#publish(step.site, step.count)
    else if (step.do === 'restart') this.restart(step.site)
    else if (step.do === 'backup') this.#backups.push(this.#siteAt(step.from))
    else {
      const backup = this.#backups[step.backup % Math.max(1, this.#backups.length)]
      if (backup !== undefined) this.#sites[step.site] = this.#openCopy(backup)
    }
    for (const { events, files, lineage } of this.#sites) {
      const position = lineage.positionAt(events.length)
      this.cursors.push({ position, seen: events, file: files.at(-1) })
    }
  }

  restart(at: number, isUnsure = false): void {
    const site = this.#siteAt(at)
    this.#sites[at] = this.#open(site, { copy: site.own, isSameCopy: true, isUnsure })
  }

  /** The machine stops under `commit`, and the newest records are not on the disk. */
  stop(at: number, left: number): void {
    const site = this.#siteAt(at)
    const events = site.events.slice(0, left)
    this.#sites[at] = { ...site, events, files: site.files.slice(0, left) }
    this.restart(at, true)
  }

  /**
   * The newest backup, written into the file that is there already: nobody can tell by the file
   * that it was put back.
   */
  putInto(at: number): void {
    const backup = this.#backups.at(-1)
    if (backup === undefined) throw new Error('There is no backup.')
    this.#sites[at] = this.#open(backup, { copy: backup.own, isSameCopy: true })
  }

  #publish(at: number, count: number): void {
    const site = this.#siteAt(at)
    const added = Array.from({ length: count }, () => this.#next++)
    const events = [...site.events, ...added]
    this.#sites[at] = { ...site, events, files: [...site.files, ...added.map(() => site.own)] }
  }

  #openCopy(site: Site): Site {
    const base = site.files.at(-1) ?? root
    return this.#open(site, { copy: { base }, isSameCopy: false })
  }

  #open(
    { events, files, lineage }: Site,
    { copy, ...how }: { copy: Copy; isSameCopy: boolean; isUnsure?: boolean },
  ): Site {
    return {
      events,
      files,
      own: copy,
      lineage: lineage.open({ head: events.length, ...how, ...this.#opening() }),
    }
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

/**
 * Whether a history has anything of the file that a cursor comes from, or of the file that this one
 * was made of.
 */
function hasHeardOf({ file }: Cursor, { files, own }: Site): boolean {
  if (file === undefined || file.base === root) return true
  return [own, ...files].some((each) => each === file || each === file.base)
}

function placeIn({ events, lineage }: Site, { position }: Cursor): Place {
  return lineage.place(position, { first: 0, head: events.length })
}

test('a cursor is exact where its owner has seen just what the history holds, and else the gap begins where the two part', () => {
  let parted = 0
  let early = 0
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 60 }), (taken) => {
      const world = new World()
      for (const step of taken) world.take(step)
      for (const site of world.sites) {
        for (const cursor of world.cursors) {
          const { seen, position } = cursor
          const place = placeIn(site, cursor)
          const common = commonLength(seen, site.events)
          expect(sequenceOf(position)).toBe(seen.length)
          expect(place.lost === undefined).toBe(common === seen.length)
          expect(place.after).toBeLessThanOrEqual(common)
          // A copy of a copy, neither of which was heard of here: then all that is retained may be
          // new to its reader.
          if (hasHeardOf(cursor, site)) expect(place.after).toBe(common)
          else early += 1
          if (place.lost !== undefined) parted += 1
        }
      }
    }),
    { numRuns: 500 },
  )
  expect(early / parted).toBeLessThan(0.02)
})

describe.each([
  ['as a new file', (world: World) => world.take({ do: 'restore', backup: 0, site: 0 })],
  ['into the file that was there', (world: World) => world.putInto(0)],
])('a backup put back %s', (_, putBack) => {
  test('lets the history go on for every client from where the lost one left it, however often both were restarted', () => {
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
        putBack(world)
        world.take({ do: 'publish', site: 0, count: 3 })
        run(after)
        const [restored] = world.sites
        if (restored === undefined) throw new Error('The site is missing.')
        for (const cursor of old)
          expect(placeIn(restored, cursor).after).toBe(commonLength(cursor.seen, restored.events))
      }),
      { numRuns: 500 },
    )
  })
})

test('a copy and its original, however often each is restarted, go on for the other’s clients from where they parted', () => {
  for (const isRunning of [false, true]) {
    for (const restarts of [0, 1, 2, 5]) {
      const world = new World()
      world.take({ do: 'publish', site: 0, count: 4 })
      world.take({ do: 'backup', from: 0 })
      if (!isRunning) world.take({ do: 'restart', site: 0 })
      world.take({ do: 'restore', backup: 0, site: 1 })
      for (let i = 0; i <= restarts; i++) {
        for (const site of [0, 1]) {
          if (i > 0) world.take({ do: 'restart', site })
          world.take({ do: 'publish', site, count: 3 + site })
        }
      }
      const [original, copy] = world.sites
      if (original === undefined || copy === undefined) throw new Error('A site is missing.')
      for (const [own, other] of [
        [original, copy],
        [copy, original],
      ] as const) {
        const theirs = other.lineage.positionAt(other.events.length)
        expect(own.lineage.place(theirs, { first: 0, head: own.events.length })).toEqual({
          after: 4,
          lost: 'epoch',
        })
      }
    }
  }
})

test('a log that nobody here has heard of gets all that is retained', () => {
  const [one, other] = [new World(), new World(1_000)]
  one.take({ do: 'publish', site: 0, count: 50 })
  other.take({ do: 'publish', site: 0, count: 9 })
  const position = other.sites[0]?.lineage.positionAt(9)
  if (position === undefined) throw new Error('The site is missing.')
  const extent = { first: 3, head: 50 }
  expect(one.sites[0]?.lineage.place(position, extent)).toEqual({ after: 3, lost: 'epoch' })
})

test('of a history that may have lost records no cursor of before is exact, and each that it gives out is', () => {
  const world = new World()
  world.take({ do: 'publish', site: 0, count: 3 })
  world.take({ do: 'restart', site: 0 })
  world.take({ do: 'publish', site: 0, count: 3 })
  for (let stops = 0; stops < 3; stops++) {
    const old = Array.from({ length: 6 }, (_, i) => siteOf0(world).lineage.positionAt(i + 1))
    world.restart(0, true)
    for (const isRestarted of [false, true]) {
      if (isRestarted) world.restart(0)
      const { lineage, events } = siteOf0(world)
      const extent = { first: 0, head: events.length }
      for (const [i, position] of old.entries())
        expect(lineage.place(position, extent)).toEqual({ after: i + 1, lost: 'epoch' })
      for (let sequence = 0; sequence <= events.length; sequence++) {
        const again = lineage.place(lineage.positionAt(sequence), extent)
        expect(again).toEqual({ after: sequence })
      }
      world.take({ do: 'publish', site: 0, count: 1 })
    }
  }
})

test('a cursor of records that the machine lost with its flush goes on from the last one that is left', () => {
  const world = new World()
  world.take({ do: 'publish', site: 0, count: 3 })
  const { lineage } = siteOf0(world)
  const delivered = lineage.positionAt(5)
  world.restart(0, true)
  world.take({ do: 'publish', site: 0, count: 4 })
  const place = siteOf0(world).lineage.place(delivered, { first: 0, head: 7 })
  expect(place).toEqual({ after: 3, lost: 'epoch' })
})

test('a copy that holds records which the machine lost afterwards leaves none of them out for clients of the original', () => {
  for (const restarts of [0, 1, 2]) {
    const world = new World()
    world.take({ do: 'publish', site: 0, count: 2 })
    world.restart(0)
    world.take({ do: 'publish', site: 0, count: 3 })
    world.take({ do: 'backup', from: 0 })
    world.take({ do: 'restore', backup: 0, site: 1 })
    world.stop(0, 3)
    for (let i = 0; i <= restarts; i++) {
      for (const site of [0, 1]) {
        if (i > 0) world.restart(site)
        world.take({ do: 'publish', site, count: 4 })
      }
    }
    const [original, copy] = world.sites
    if (original === undefined || copy === undefined) throw new Error('A site is missing.')
    for (const [own, other] of [
      [original, copy],
      [copy, original],
    ] as const) {
      const theirs = other.lineage.positionAt(other.events.length)
      const extent = { first: 0, head: own.events.length }
      expect(own.lineage.place(theirs, extent)).toEqual({ after: 3, lost: 'epoch' })
    }
  }
})

function siteOf0(world: World): Site {
  const [site] = world.sites
  if (site === undefined) throw new Error('The site is missing.')
  return site
}

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
