// Explains a request as a hub of this configuration would, without a hub that runs.

import type { Explanation, Wishes } from '@tidemark/access'
import { systemClock } from '@tidemark/log'
import type { RequestFacts } from '@tidemark/server'
import type { HubConfig } from '../config/hub-config.ts'
import { requireConfig } from '../config/load-config.ts'
import { HubError } from '../errors.ts'
import { openAccess } from '../hub-access.ts'

/** A request that somebody asks about. */
export interface HubQuestion extends Wishes {
  /** Undefined: a visitor without one. */
  readonly token?: string | undefined
  /** Topic tokens beside it. */
  readonly topicTokens?: readonly string[] | undefined
  /** Refuses where no token could be checked, in place of saying that none is needed. */
  readonly mustCheck?: boolean | undefined
}

/**
 * Explains. Only a running hub knows what has been revoked.
 * @throws HubError `TOKENS_UNCHECKED`, `CONFIG_INVALID`; AccessError `ACCESS_OPTION_INVALID`
 */
export async function explainHub(given: HubConfig, question: HubQuestion): Promise<Explanation> {
  const config = requireConfig(given)
  const { token, topicTokens, mustCheck, ...wishes } = question
  // Keys that cannot be had are part of the explanation.
  const access = await openAccess(config, { clock: systemClock, isFirstStart: false })
  if (access === undefined) return explainOpenHub(mustCheck === true)
  try {
    const facts = token === undefined ? bareRequest : access.requestWith(token)
    return await access.explain({ ...facts, topicTokens }, wishes)
  } finally {
    access.close()
  }
}

function explainOpenHub(mustCheck: boolean): Explanation {
  if (mustCheck) {
    throw new HubError(
      'TOKENS_UNCHECKED',
      'No token can be checked: the settings name no key. Give them as to the hub: TIDEMARK_AUTH_SECRET, --auth-secret, --auth-jwks, or auth in tidemark.config.json.',
    )
  }
  const detail =
    'No settings say who may come in: such a hub lets everybody on this machine do everything.'
  return { isAllowed: true, checks: [{ name: 'credential', isPassed: true, detail }] }
}

/** A visitor's. */
const bareRequest: RequestFacts = {
  method: 'GET',
  url: '/events',
  address: undefined,
  header: () => undefined,
}
