// All kinds of rules of one node. A kind is added here: its `RuleKind`, what keeps its list, and a member of
// `TideRules`.

import type { EventLog, RetentionRule } from '@tidemark/log'
import { LagRules, lagKind } from '../catch-up/lag-rules.ts'
import type { LagRule } from '../catch-up/lag-rules.ts'
import { StartRules, startKind } from '../consumers/start-rules.ts'
import type { StartRule } from '../consumers/start-rules.ts'
import { SubscriberRules, subscriberKind } from '../fan-out/subscriber-rules.ts'
import type { SubscriberRule } from '../fan-out/subscriber-rules.ts'
import { CompressionRules, compressionKind } from '../framing/compression-rules.ts'
import type { CompressionRule } from '../framing/compression-rules.ts'
import { PresenceRules, presenceKind } from '../presence/presence-rules.ts'
import type { PresenceRule } from '../presence/presence-rules.ts'
import { RateRules, rateKind } from '../publish/rate-rules.ts'
import type { RateRule } from '../publish/rate-rules.ts'
import { readMembers } from '../read-members.ts'
import { followRetention } from './retention-rules.ts'
import { RuleLedger } from './rule-ledger.ts'
import type { RuleKind, RulesInForce } from './rule-kind.ts'

/** The rules for topics that change at run time, by kind. */
export interface TideRules {
  /** For what the log keeps of each topic. The log follows them in the same append. */
  readonly retention: RulesInForce<RetentionRule>
  /** For clients that cannot keep up: what they get of which topics. */
  readonly lag: RulesInForce<LagRule>
  /** For how many events a topic may get per second, and at once. */
  readonly rate: RulesInForce<RateRule>
  /** For how many sessions may follow a topic by its name, on all nodes together. */
  readonly subscribers: RulesInForce<SubscriberRule>
  /** For events that stand in compressed streams as they are. */
  readonly compression: RulesInForce<CompressionRule>
  /** For consumers that are new: where they begin. */
  readonly startAt: RulesInForce<StartRule>
  /** Topics whose presence is kept, and those that tell of joins and leaves. */
  readonly presence: RulesInForce<PresenceRule>
}

/** The lists of a node's own configuration; an undefined one: those that others have configured. */
export interface ConfiguredRules {
  readonly lag?: readonly LagRule[] | undefined
  readonly compression?: readonly CompressionRule[] | undefined
  readonly rate?: readonly RateRule[] | undefined
  readonly startAt?: readonly StartRule[] | undefined
  readonly subscribers?: readonly SubscriberRule[] | undefined
  readonly presence?: readonly PresenceRule[] | undefined
}

/**
 * Checks the lists of a configuration. Undefined is no list of one's own, which is not the same as an empty
 * one.
 * @throws ServerError `OPTION_INVALID`
 */
export function checkConfigured(given: ConfiguredRules): ConfiguredRules {
  const wanted = { code: 'OPTION_INVALID', what: 'rules' } as const
  const names = ['compression', 'lag', 'presence', 'rate', 'startAt', 'subscribers'] as const
  const { compression, lag, presence, rate, ...others } = readMembers(given, names, wanted)
  return {
    compression: checkList(compressionKind, compression),
    lag: checkList(lagKind, lag),
    presence: checkList(presenceKind, presence),
    rate: checkList(rateKind, rate),
    startAt: checkList(startKind, others.startAt),
    subscribers: checkList(subscriberKind, others.subscribers),
  }
}

function checkList<Rule>(
  { check }: RuleKind<Rule>,
  given: readonly Rule[] | undefined,
): readonly Rule[] | undefined {
  return given === undefined ? undefined : check(given)
}

interface Options {
  readonly log: EventLog
  readonly rules: ConfiguredRules
  readonly onError: (error: unknown) => void
}

/** The rules of a node, and what each kind is asked. */
export class NodeRules {
  /** Read by the node before all else, and fed by its tail. */
  readonly ledger: RuleLedger
  /** As users see them. */
  readonly inForce: TideRules
  readonly lag: LagRules = new LagRules([])
  readonly compression: CompressionRules = new CompressionRules()
  readonly rate: RateRules = new RateRules()
  readonly startAt: StartRules = new StartRules()
  readonly subscribers: SubscriberRules = new SubscriberRules()
  readonly presence: PresenceRules = new PresenceRules()

  constructor({ log, rules, onError }: Options) {
    this.ledger = new RuleLedger({ log, onError })
    this.inForce = {
      retention: followRetention(log),
      lag: this.ledger.add({
        kind: lagKind,
        configured: rules.lag,
        apply: (list) => this.lag.replace(list),
      }),
      compression: this.ledger.add({
        kind: compressionKind,
        configured: rules.compression,
        apply: (list) => this.compression.replace(list),
      }),
      rate: this.ledger.add({
        kind: rateKind,
        configured: rules.rate,
        apply: (list) => this.rate.replace(list),
      }),
      startAt: this.ledger.add({
        kind: startKind,
        configured: rules.startAt,
        apply: (list) => this.startAt.replace(list),
      }),
      subscribers: this.ledger.add({
        kind: subscriberKind,
        configured: rules.subscribers,
        apply: (list) => this.subscribers.replace(list),
      }),
      presence: this.ledger.add({
        kind: presenceKind,
        configured: rules.presence,
        apply: (list) => this.presence.replace(list),
      }),
    }
  }
}
