// Webhooks that are to be told of topics which nobody watches.

import { overlaps } from '@tidemark/server/hub'
import type { HubConfig } from '../config/hub-config.ts'

/** A line for each webhook that asks for `topic.…` where no rule of presence is for any of its topics. */
export function describeUnseenTopics(
  { webhooks }: Pick<HubConfig, 'webhooks'>,
  rules: readonly { readonly pattern: string }[],
): readonly string[] {
  return webhooks.flatMap(({ id, pattern = '', events = [] }) => {
    const isAsking = events.some((event) => event.startsWith('topic.'))
    if (!isAsking || rules.some((rule) => overlaps(rule.pattern, pattern))) return []
    return `The webhook ${id} asks for topics that are occupied and vacated, and no rule of presence matches any of ${pattern}. Nothing comes until one does: add it to presence.rules, or by PUT /admin/rules/presence.`
  })
}
