// Whether nothing was missed in silence where histories part: by backups that are put back, and by
// copies used beside their originals. Pure. Of the hub's own code it knows only how to compare two
// cursors.
//
// A client may go from one history to another with any cursor. Where its place is in both, it must
// be resumed exactly. Elsewhere it must be told a gap that ends where the two part. Then it must
// get the events of the other history behind that place.

import type { Attempt, ReceivedEvent } from '../traffic/history.ts'
import { matchesAny } from '../traffic/matches-any.ts'
import { nodeOf } from './branch.ts'
import type { Branch } from './branch.ts'
import { Kinship } from './kinship.ts'
import type { StreamStory } from './crash-subscriber.ts'

/** One way to break the promise. */
type BranchViolationKind =
  /**
   * Resumed as exact from a place that the history does not have, or short of an event that no gap
   * has told of.
   */
  | 'silent'
  /** Told of a gap though its place was in the history. */
  | 'false-gap'
  /**
   * Told of a gap that ends behind the place where the two histories part: what lies between is
   * never sent.
   */
  | 'late-gap'
  /** Told of a gap that ends before that place, by a history that knows where it is. */
  | 'early-gap'
  /** An event is not of this history, or not of its topics. */
  | 'invented'
  /** An event lies before one that came already on this way. It is out of order, or comes a second time. */
  | 'order'
  /** One history holds an event twice. */
  | 'doubled'
  /** Acknowledged, and in no history. */
  | 'lost'
  /** Still behind when all was over. */
  | 'behind'
  | 'fault'

export interface BranchViolation {
  readonly kind: BranchViolationKind
  readonly subscriber: string
  readonly text: string
}

/** Everything one subscriber got. */
interface BranchReception {
  readonly subscriber: string
  readonly topics: readonly string[]
  /** Whether several events share one id. */
  readonly isBatched: boolean
  readonly streams: readonly StreamStory[]
  readonly faults: readonly string[]
}

export interface BranchHistory {
  /** By their numbers. */
  readonly branches: ReadonlyMap<number, Branch>
  readonly attempts: readonly Attempt[]
  readonly receptions: readonly BranchReception[]
}

export interface BranchVerdict {
  readonly violations: readonly BranchViolation[]
  /** Returns that were resumed exactly. */
  readonly exact: number
  /** Returns that were told of a gap. */
  readonly parted: number
  /** Gaps that ended before the place where the two histories part, allowed ones among them. */
  readonly early: number
}

/** Every violation of a run that has settled. */
export function judgeBranches(history: BranchHistory): BranchVerdict {
  const kinship = new Kinship(history.branches)
  const walks = history.receptions.map(
    (reception) => new Walk(reception, history.branches, kinship),
  )
  for (const walk of walks) walk.run()
  return {
    violations: [
      ...judgeLogs(history),
      ...judgeReceipts(history),
      ...walks.flatMap(({ violations }) => violations),
    ],
    exact: walks.reduce((sum, { exact }) => sum + exact, 0),
    parted: walks.reduce((sum, { parted }) => sum + parted, 0),
    early: walks.reduce((sum, { early }) => sum + early, 0),
  }
}

/** An event is repeated under its idempotency key until it is acknowledged, and is in no history twice. */
function judgeLogs({ branches }: BranchHistory): BranchViolation[] {
  return [...branches.values()]
    .filter(({ doubles }) => doubles > 0)
    .map(({ number, doubles }) => {
      const text = `history ${number} holds ${doubles} events more than once`
      return { kind: 'doubled', subscriber: 'publishers', text }
    })
}

/**
 * An acknowledged event is in the history of the hub that has acknowledged it, under the cursor of
 * its receipt.
 */
function judgeReceipts({ branches, attempts }: BranchHistory): BranchViolation[] {
  const stored = new Set([...branches.values()].flatMap(({ records }) => records.map(nodeOf)))
  return attempts.flatMap(({ publisher, events, receipt: cursor }) => {
    const last = events.at(-1)
    if (cursor === undefined || last === undefined) return []
    const { number, topic } = last
    if (stored.has(nodeOf({ publisher, number, topic, cursor }))) return []
    const text = `${publisher} number ${number} was acknowledged as ${cursor} and is in no history`
    return [{ kind: 'lost', subscriber: 'publishers', text }]
  })
}

/** Where a client stands: it has everything of its topics up to `count` records of a branch, or was told. */
interface Place {
  readonly branch: Branch
  readonly count: number
}

interface Standing {
  readonly shared: number
  /**
   * `either` where the place lies behind all that both histories have in common, and is no event's
   * own. Records of the hub's own topics, which nobody here can see, may then lie between, in one
   * of the histories only.
   */
  readonly standing: 'on' | 'off' | 'either'
}

/** One subscriber's connections in their order. */
class Walk {
  readonly violations: BranchViolation[] = []
  exact = 0
  parted = 0
  early = 0
  readonly #reception: BranchReception
  readonly #branches: ReadonlyMap<number, Branch>
  readonly #kinship: Kinship
  /** The records it has had, or was told of as missing. */
  readonly #had = new Set<string>()
  #place: Place | undefined

  constructor(reception: BranchReception, branches: ReadonlyMap<number, Branch>, kinship: Kinship) {
    this.#reception = reception
    this.#branches = branches
    this.#kinship = kinship
  }

  run(): void {
    const { faults, streams } = this.#reception
    for (const fault of faults) this.#violate('fault', fault)
    for (const story of streams) {
      const branch = this.#branches.get(story.branch)
      if (branch === undefined) throw new Error(`There is no history ${story.branch}.`)
      if (story.resumed !== undefined) this.#judgeStream(story, branch)
    }
    const { branch, count } = this.#place ?? {}
    const due = branch?.records.slice(count).filter((record) => this.#isItsTopic(record)) ?? []
    if (branch === undefined || due.length > 0) {
      this.#violate('behind', `has ended ${due.length} events behind history ${branch?.number}`)
    }
  }

  #judgeStream(story: StreamStory, branch: Branch): void {
    const { shared, standing } = this.#findPlace(branch, story)
    this.#judgeResume(story, standing)
    // A gap that is false is told above.
    const gaps = standing === 'on' ? [] : story.gaps.map(readGap)
    for (const gap of gaps) this.#judgeGap(gap, { branch, count: shared })
    const resumedAt = Math.min(
      shared,
      ...story.gaps.map((gap) => branch.countUpTo(readGap(gap).to)),
    )
    this.#judgeOrder(story, { branch, from: resumedAt })
    // Cut off before the first new id it comes back to where it was.
    if (story.lastEventId === story.resumedFrom) return
    const count = branch.countUpTo(story.lastEventId)
    this.#judgeMissing({ branch, count }, story)
    this.#place = { branch, count }
  }

  /**
   * How many records the client's place and a branch have in common, and whether the branch has the
   * place.
   */
  #findPlace(branch: Branch, { resumedFrom }: StreamStory): Standing {
    const place = this.#place
    if (place === undefined) return { shared: 0, standing: 'on' }
    if (place.branch === branch) return { shared: place.count, standing: 'on' }
    const common = branch.countCommon(place.branch)
    const shared = Math.min(place.count, common)
    if (place.count > common) return { shared, standing: 'off' }
    const isItsCursor = branch.records[shared - 1]?.cursor === resumedFrom
    return { shared, standing: shared < common || isItsCursor ? 'on' : 'either' }
  }

  #judgeResume(
    { resumed, resumedFrom, branch, gaps }: StreamStory,
    standing: Standing['standing'],
  ): void {
    const { branch: before, count } = this.#place ?? {}
    const place = `after ${count} events of history ${before?.number}`
    const told = `resumed ${resumed} [${gaps.join()}] in history ${branch} from "${resumedFrom}", ${place}`
    if (resumedFrom === '') {
      if (resumed !== 'fresh' || gaps.length > 0) this.#violate('false-gap', `was ${told}`)
      return
    }
    if (resumed === 'exact') this.exact += 1
    else this.parted += 1
    // Cut off behind `ready` it has heard no more than that there is a gap.
    const isTold = resumed === 'gap' && gaps.every((gap) => readGap(gap).from === resumedFrom)
    const isExact = resumed === 'exact' && gaps.length === 0
    if (standing === 'on' && !isExact)
      this.#violate('false-gap', `was ${told}, which has this place`)
    if (standing === 'off' && !isTold)
      this.#violate('silent', `was ${told}, which does not have this place`)
    if (standing === 'either' && !isExact && !isTold) this.#violate('false-gap', `was ${told}`)
  }

  /**
   * Behind a gap events may come that a client has had. Of a copy of a copy it may be told more
   * than it has missed. A client that was led back to where two histories part gets the events that
   * follow there once more.
   */
  #judgeOrder(story: StreamStory, { branch, from }: { branch: Branch; from: number }): void {
    let next = from
    for (const event of story.events) {
      const at = branch.find(event)
      const record = at === undefined ? undefined : branch.records[at]
      const name = `${nodeOf(event)} (${event.topic}) in history ${branch.number}`
      const isItsPlace = this.#reception.isBatched || record?.cursor === event.cursor
      if (at === undefined || record === undefined || !isItsPlace || !this.#isItsTopic(event)) {
        this.#violate('invented', `got ${name}, which it does not hold for this client`)
        continue
      }
      if (at < next) this.#violate('order', `got ${name}, number ${at}, after number ${next - 1}`)
      next = at + 1
      this.#had.add(nodeOf(record))
    }
  }

  /** Where both histories have it in common, `parting` holds all records before the place where they part. */
  #judgeGap({ from, to }: Gap, { branch, count: parting }: Place): void {
    const count = branch.countUpTo(to)
    const gap = `from "${from}" of history ${this.#place?.branch.number} to "${to}"`
    const told = `was told of a gap ${gap} in history ${branch.number}`
    const place = `after ${count} events of it, and they part after ${parting}`
    if (count < parting) {
      this.early += 1
      const known = this.#kinship.findKnown(branch, from ?? '')
      if (known !== undefined) {
        this.#violate('early-gap', `${told}, ${place}; it knows of history ${known}`)
      }
    }
    if (count > parting) this.#violate('late-gap', `${told}, ${place}`)
    // Told just now, so not missed in silence.
    for (const record of branch.records.slice(parting, count)) this.#had.add(nodeOf(record))
  }

  #judgeMissing({ branch, count }: Place, { resumed, resumedFrom }: StreamStory): void {
    const missing = branch.records
      .slice(0, count)
      .filter((record) => this.#isItsTopic(record) && !this.#had.has(nodeOf(record)))
    const [first] = missing
    if (first === undefined) return
    const which = `${missing.length} events of history ${branch.number}, from ${nodeOf(first)} on`
    this.#violate('silent', `never got ${which}, and was ${resumed} from "${resumedFrom}"`)
    // Each is told once.
    for (const record of missing) this.#had.add(nodeOf(record))
  }

  #isItsTopic({ topic }: ReceivedEvent): boolean {
    return matchesAny(this.#reception.topics, topic)
  }

  #violate(kind: BranchViolationKind, text: string): void {
    this.violations.push({ kind, subscriber: this.#reception.subscriber, text })
  }
}

interface Gap {
  readonly from: string | null
  readonly to: string
}

function readGap(data: string): Gap {
  return JSON.parse(data) as Gap
}
