// One object of nodes for all kinds of sessions that a node tells, so that it has one entry in the ledger.

import type { EventLog } from '@tidemark/log'
import { Nodes } from './nodes.ts'
import type { NodesOptions } from './nodes.ts'

/** The nodes of a log, held by one of those that tell sessions. */
export interface HeldNodes {
  readonly nodes: Nodes
  /** Lets go of them. The last one to do so closes them. */
  release(): void
}

interface Opened {
  readonly nodes: Promise<Nodes>
  holders: number
}

/** By log and name of the node. */
const opened = new WeakMap<EventLog, Map<string, Opened>>()

/** Rejects with the log's error; the next call tries again. */
export async function openNodes(log: EventLog, options: NodesOptions): Promise<HeldNodes> {
  const ofLog = opened.get(log) ?? new Map<string, Opened>()
  opened.set(log, ofLog)
  const { node } = options
  const entry = ofLog.get(node) ?? { nodes: Nodes.open(log, options), holders: 0 }
  ofLog.set(node, entry)
  entry.holders += 1
  const letGo = (): boolean => {
    entry.holders -= 1
    if (entry.holders > 0) return false
    if (ofLog.get(node) === entry) ofLog.delete(node)
    return true
  }
  try {
    const nodes = await entry.nodes
    let isHeld = true
    const release = (): void => {
      const isLast = isHeld && letGo()
      isHeld = false
      if (isLast) nodes.close()
    }
    return { nodes, release }
  } catch (error) {
    letGo()
    throw error
  }
}
