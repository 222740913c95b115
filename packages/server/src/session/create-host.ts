// The things that the sessions of a node share: the lines in which they wait, and their deadlines.

import { Deadlines } from './deadlines.ts'
import { HeldBlocks } from '../catch-up/held-blocks.ts'
import { LargeWrites } from '../catch-up/large-writes.ts'
import {
  goodbyeMs,
  heldBlocksBytesMax,
  largeWriteBytesMax,
  largeWriteMs,
  paceMs,
} from '../limits.ts'
import type { NodeSettings } from '../node-settings.ts'
import type { Session } from './session.ts'
import type { SessionHost } from './session-host.ts'

/** The acts that only the engine can do. */
type EngineActs = Pick<
  SessionHost<Session>,
  'livePosition' | 'catchUp' | 'tellNews' | 'dismiss' | 'forget'
>

/** Makes the host of a node's sessions. */
export function createHost(settings: NodeSettings, engine: EngineActs): SessionHost<Session> {
  const { clock, onError, stalledAfterMs, watch } = settings
  return {
    blocked: new Deadlines<Session>({
      clock,
      delayMs: stalledAfterMs,
      lateMsMax: stalledAfterMs / 16,
      onDue: (session) => session.checkProgress(),
    }),
    leaving: new Deadlines<Session>({
      clock,
      delayMs: goodbyeMs,
      lateMsMax: goodbyeMs / 16,
      onDue: (session) => session.cutOff(),
    }),
    paced: new Deadlines<Session>({
      clock,
      delayMs: paceMs,
      lateMsMax: paceMs,
      onDue: (session) => session.goOn(),
    }),
    largeWrites: new LargeWrites({
      clock,
      bytesMax: largeWriteBytesMax,
      writeMs: largeWriteMs,
    }),
    heldBlocks: new HeldBlocks(heldBlocksBytesMax),
    get livePosition() {
      return engine.livePosition
    },
    catchUp: (session) => engine.catchUp(session),
    tellNews: (session) => engine.tellNews(session),
    dismiss: (session, reason) => engine.dismiss(session, reason),
    forget: (session, reason) => engine.forget(session, reason),
    watch,
    attempt: (act) => {
      try {
        act()
      } catch (error) {
        onError(error)
      }
    },
    onError,
  }
}
