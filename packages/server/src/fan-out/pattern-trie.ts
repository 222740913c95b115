// Patterns by segment: finding those that match a topic costs its depth, not the number of patterns.

import type { Pattern, Topic } from '@tidemark/log'

/**
 * Most nodes of long patterns have one child and no value, so neither container is made before it is needed.
 */
interface TrieNode<Value> {
  children: Map<string, TrieNode<Value>> | undefined
  values: Set<Value> | undefined
}

/** Values filed under patterns. */
export class PatternTrie<Value> {
  readonly #root: TrieNode<Value> = createNode()

  add(pattern: Pattern, value: Value): void {
    let node = this.#root
    for (const segment of pattern.split('/')) {
      node.children ??= new Map()
      let child = node.children.get(segment)
      if (child === undefined) {
        child = createNode()
        node.children.set(segment, child)
      }
      node = child
    }
    node.values ??= new Set()
    node.values.add(value)
  }

  /** Takes a value out and prunes what has become empty, so that the trie never outgrows its patterns. */
  remove(pattern: Pattern, value: Value): void {
    const segments = pattern.split('/')
    const path: TrieNode<Value>[] = [this.#root]
    for (const segment of segments) {
      const child = path.at(-1)?.children?.get(segment)
      if (child === undefined) return
      path.push(child)
    }
    path.at(-1)?.values?.delete(value)
    for (let depth = segments.length; depth > 0; depth -= 1) {
      const node = path[depth]
      const segment = segments[depth - 1]
      if (node === undefined || segment === undefined) return
      if (hasAny(node.values) || hasAny(node.children)) return
      path[depth - 1]?.children?.delete(segment)
    }
  }

  /**
   * Calls `visit` with every value whose pattern matches; more than once where several patterns of a value
   * do.
   */
  match(topic: Topic, visit: (value: Value) => void): void {
    if (!hasAny(this.#root.children)) return
    const segments = topic.split('/')
    let level: TrieNode<Value>[] = [this.#root]
    for (const [depth, segment] of segments.entries()) {
      const isWildcardAllowed = depth > 0 || !segment.startsWith('$')
      const next: TrieNode<Value>[] = []
      for (const node of level) {
        const exact = node.children?.get(segment)
        if (exact !== undefined) next.push(exact)
        if (!isWildcardAllowed) continue
        node.children?.get('**')?.values?.forEach(visit)
        const any = node.children?.get('*')
        if (any !== undefined) next.push(any)
      }
      if (next.length === 0) return
      level = next
    }
    for (const node of level) node.values?.forEach(visit)
  }
}

function createNode<Value>(): TrieNode<Value> {
  return { children: undefined, values: undefined }
}

function hasAny(container: { readonly size: number } | undefined): boolean {
  return container !== undefined && container.size > 0
}
