// A kind of rules for topics: a list that all nodes of a log follow.

import type { RulesOrigin } from '@tidemark/log/rules'

/** One kind of rules, as the ledger of rules needs to know it. */
export interface RuleKind<Rule> {
  /** Its key in the ledger, and its name in `tide.rules` and for `PUT /admin/rules/{name}`. */
  readonly name: string
  /**
   * The list as it is used, without anything that a rule does not have.
   * @throws ServerError `OPTION_INVALID` for one that cannot hold
   */
  readonly check: (given: readonly Rule[]) => readonly Rule[]
}

/** A kind in the hands of one node. */
export interface FollowedKind<Rule> {
  readonly kind: RuleKind<Rule>
  /** The list of this node's configuration; undefined: the one that others have configured. */
  readonly configured: readonly Rule[] | undefined
  /** Puts a checked list in force on this node: at once for the configured one, then at each change. */
  readonly apply: (list: readonly Rule[]) => void
}

/** The rules of one kind, of all nodes of a log. */
export interface RulesInForce<Rule> {
  /** As this node follows them. */
  readonly list: readonly Rule[]
  /** Where they come from: a configuration, or `replace` of any node. */
  readonly from: RulesOrigin
  /**
   * Replaces them on all nodes. Resolves when the log has them, to the cursor from which on they hold: each
   * node follows when its tail hands that record over. They outlive restarts, until a node is made with
   * another configuration of this kind than the last one.
   * @throws ServerError `RULE_INVALID`, before anything is stored; `LOG_UNAVAILABLE`
   *
   * @example
   * ```ts
   * await tide.rules.lag.replace([{ pattern: 'prices/**', whenLagging: 'conflate' }, ...tide.rules.lag.list])
   * ```
   */
  replace(rules: readonly Rule[]): Promise<string>
}
