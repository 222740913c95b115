// Makes an access of its options: the composition root of this room.

import { Access } from './access.ts'
import { checkOptions } from './access-options.ts'
import type { AccessOptions } from './access-options.ts'
import { describeResource } from './resource/protected-resource.ts'
import { openIssuers, planIssuers } from './tokens/plan-issuers.ts'

/**
 * Makes the check of who may come in: from a credential of a request to a grant.
 * @throws AccessError `ACCESS_OPTION_INVALID`. Keys that are fetched are awaited by `ready`.
 *
 * @example
 * ```ts
 * const access = createAccess({
 *   tokens: [{ issuer: 'https://login.example.org/', jwksUrl: 'https://login.example.org/jwks.json' }],
 *   anonymous: { subscribe: ['public/**'] },
 * })
 * await access.ready
 * const tide = createTidemark({ authorize: access.authorize })
 * ```
 */
export function createAccess(options: AccessOptions = {}): Access {
  const settings = checkOptions(options)
  const { tokens, topicTokens } = settings
  const planned = planIssuers('tokens', tokens, settings)
  const plannedForTopics =
    topicTokens === tokens ? undefined : planIssuers('topicTokens', topicTokens, settings)
  const names = planned.flatMap(({ name }) => name ?? [])
  const resource =
    settings.resource === undefined
      ? undefined
      : describeResource(settings.resource, names, settings.sources)
  return new Access(settings, {
    resource,
    issuers: openIssuers(planned),
    topicIssuers: plannedForTopics && openIssuers(plannedForTopics),
  })
}
