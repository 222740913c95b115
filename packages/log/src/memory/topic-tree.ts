// Topics by segment, so that a pattern visits what it can match and nothing else.

import type { Pattern, Topic } from '../topic.ts'
import type { TopicState } from './topic-state.ts'

/** What a branch says of all topics in it: bounds from above, so that a visit may pass it by. */
interface Branch {
  /** No topic of the branch has a newer record. */
  readonly newest: number
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
  newest: number
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

  noteRecord(name: Topic, sequence: number): void {
    for (const node of this.#pathOf(name)) node.newest = sequence
  }

  noteMark(name: Topic, sequence: number): void {
    for (const node of this.#pathOf(name)) node.newestMark = Math.max(node.newestMark, sequence)
  }

  /** Visits every topic the pattern matches, in no particular order. Returns false when the visit was ended. */
  visit(pattern: Pattern, visit: TopicVisit): boolean {
    return visitBelow(this.#root, { segments: pattern.split('/'), visit }, 0)
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

interface Walk {
  readonly segments: readonly string[]
  readonly visit: TopicVisit
}

/** Goes on from a node whose path matches the first `depth` segments of the pattern. */
function visitBelow(node: Node, walk: Walk, depth: number): boolean {
  const segment = walk.segments[depth]
  if (segment === undefined) return node.topic === undefined || walk.visit.visit(node.topic)
  if (segment !== '*' && segment !== '**') {
    const child = node.children.get(segment)
    return child === undefined || !walk.visit.isWorth(child) || visitBelow(child, walk, depth + 1)
  }
  for (const [name, child] of node.children) {
    if (depth === 0 && name.startsWith('$')) continue
    if (!walk.visit.isWorth(child)) continue
    const isGoingOn =
      segment === '*' ? visitBelow(child, walk, depth + 1) : visitWhole(child, walk.visit)
    if (!isGoingOn) return false
  }
  return true
}

function visitWhole(node: Node, visit: TopicVisit): boolean {
  if (node.topic !== undefined && !visit.visit(node.topic)) return false
  for (const child of node.children.values()) {
    if (visit.isWorth(child) && !visitWhole(child, visit)) return false
  }
  return true
}

function createNode(): Node {
  return { newest: 0, newestMark: 0, topic: undefined, children: new Map() }
}
