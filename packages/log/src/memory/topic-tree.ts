// Topics by segment, so that a pattern visits what it can match and nothing else.

import { treeLooksMax } from '../limits.ts'
import { isHubSegment, patternTreeOf } from '../pattern-tree.ts'
import type { PatternNode } from '../pattern-tree.ts'
import type { Pattern, Topic } from '../topic.ts'
import type { TopicState } from './topic-state.ts'

/** The facts of a branch that bound all topics in it from above, so that a visit may pass it by. */
interface Branch {
  /** No topic of the branch has a newer trim mark, except those that began with the common mark. */
  readonly newestMark: number
}

export interface TopicVisit {
  /** Whether a branch may hold what the visit looks for. */
  isWorth(branch: Branch): boolean
  /** Returns false to end the visit. */
  visit(topic: TopicState): boolean
}

interface Node {
  newestMark: number
  topic: TopicState | undefined
  readonly children: Map<string, Node>
}

/** All topics of a log that have records or an exact trim mark. */
export class TopicTree {
  readonly #root = createNode()

  add(topic: TopicState): void {
    let node = this.#root
    for (const segment of topic.name.split('/')) {
      let child = node.children.get(segment)
      if (child === undefined) {
        child = createNode()
        node.children.set(segment, child)
      }
      node = child
    }
    node.topic = topic
  }

  remove(name: Topic): void {
    const path = this.#pathOf(name)
    const segments = name.split('/')
    const leaf = path.at(-1)
    if (leaf === undefined) return
    leaf.topic = undefined
    for (let depth = segments.length; depth > 0; depth--) {
      const node = path[depth]
      const segment = segments[depth - 1]
      if (node === undefined || segment === undefined) return
      if (node.topic !== undefined || node.children.size > 0) return
      path[depth - 1]?.children.delete(segment)
    }
  }

  noteMark(name: Topic, sequence: number): void {
    for (const node of this.#pathOf(name)) node.newestMark = Math.max(node.newestMark, sequence)
  }

  /**
   * Visits every topic that one of the patterns matches, once, in no particular order. Returns
   * false when the visit was ended, or after more than {@link treeLooksMax} places.
   */
  visit(patterns: readonly Pattern[], visit: TopicVisit): boolean {
    if (patterns.length === 0) return true
    return new Walk(visit).visitBelow(this.#root, [patternTreeOf(patterns)], true)
  }

  /** The nodes from the root to the topic's own, which must be in the tree. */
  #pathOf(name: Topic): Node[] {
    const path = [this.#root]
    let node: Node | undefined = this.#root
    for (const segment of name.split('/')) {
      node = node?.children.get(segment)
      if (node !== undefined) path.push(node)
    }
    return path
  }
}

/** One way through the tree of topics and that of the patterns, side by side. */
class Walk {
  readonly #visit: TopicVisit
  #looks = 0

  constructor(visit: TopicVisit) {
    this.#visit = visit
  }

  /** Goes on from a node whose path leads to the `places` of the patterns. Returns false to end the visit. */
  visitBelow(node: Node, places: readonly PatternNode[], isRoot: boolean): boolean {
    const isDeep = places.some((place) => place.isDeep)
    const isWild = isDeep || places.some(({ any }) => any !== undefined)
    let literals = 0
    for (const { literal } of places) literals += literal.size
    if (!isWild && literals < node.children.size) {
      const names = new Set(places.flatMap(({ literal }) => [...literal.keys()]))
      for (const name of names) {
        const child = node.children.get(name)
        if (child !== undefined && !this.#visitChild(child, findPlaces(places, name, false)))
          return false
      }
      return true
    }
    for (const [name, child] of node.children) {
      const isPassedBy = isRoot && isHubSegment(name)
      const isGoingOn =
        isDeep && !isPassedBy
          ? this.#visitWhole(child)
          : this.#visitChild(child, findPlaces(places, name, !isPassedBy))
      if (!isGoingOn) return false
    }
    return true
  }

  #visitChild(node: Node, places: readonly PatternNode[]): boolean {
    this.#looks += 1 + places.length
    if (this.#looks > treeLooksMax) return false
    if (places.length === 0 || !this.#visit.isWorth(node)) return true
    const isWanted = node.topic !== undefined && places.some(({ isEnd }) => isEnd)
    if (isWanted && node.topic !== undefined && !this.#visit.visit(node.topic)) return false
    return this.visitBelow(node, places, false)
  }

  #visitWhole(node: Node): boolean {
    this.#looks += 1
    if (this.#looks > treeLooksMax) return false
    if (!this.#visit.isWorth(node)) return true
    if (node.topic !== undefined && !this.#visit.visit(node.topic)) return false
    for (const child of node.children.values()) if (!this.#visitWhole(child)) return false
    return true
  }
}

/** Where the patterns stand behind one more segment. */
function findPlaces(
  places: readonly PatternNode[],
  segment: string,
  isWild: boolean,
): readonly PatternNode[] {
  const next: PatternNode[] = []
  for (const { literal, any } of places) {
    const exact = literal.get(segment)
    if (exact !== undefined) next.push(exact)
    if (isWild && any !== undefined) next.push(any)
  }
  return next
}

function createNode(): Node {
  return { newestMark: 0, topic: undefined, children: new Map() }
}
