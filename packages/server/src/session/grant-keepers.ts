// The parts of a node that keep the grants of its open sessions: their ends, renewals and second questions.

import type { ByeReason } from '../framing/bye-reason.ts'
import type { NodeSettings } from '../node-settings.ts'
import type { RequestFacts } from '../request/authorize.ts'
import type { Grant } from '../request/grant.ts'
import { GrantEnds } from './grant-ends.ts'
import { Rechecks } from './rechecks.ts'
import { Renewals } from './renewals.ts'
import type { Session } from './session.ts'
import type { TopicChanges } from './topic-changes.ts'

export interface GrantKeepersHost {
  readonly changes: TopicChanges
  readonly dismiss: (session: Session, reason: ByeReason) => void
  readonly renew: (session: Session, grant: Grant, request?: RequestFacts) => Promise<boolean>
}

export interface GrantKeepers {
  readonly ends: GrantEnds
  readonly rechecks: Rechecks
  readonly renewals: Renewals
}

export function createGrantKeepers(
  settings: NodeSettings,
  { changes, dismiss, renew }: GrantKeepersHost,
): GrantKeepers {
  const { clock } = settings
  const ends = new GrantEnds({ clock, dismiss })
  const rechecks = new Rechecks({ ...settings, dismiss, renew })
  return { ends, rechecks, renewals: new Renewals({ clock, changes, ends, rechecks, dismiss }) }
}
