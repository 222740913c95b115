// The settings of webhooks.

import { webhooksMax } from '../webhooks/limits.ts'
import type { SettingName } from './hub-config.ts'
import { flag, texts } from './kinds.ts'
import type { Member, SettingRow } from './setting.ts'

/** The messages that a webhook may be sent. */
const webhookEvents = ['event', 'session.connected', 'session.disconnected'] as const

const members: Readonly<Record<string, Member>> = {
  id: {
    kind: { kind: 'text', names: 'a name of 1 to 32 of a-z, 0-9 and -' },
    isRequired: true,
    help: 'Its name, under which its place is kept: 1 to 32 of a-z, 0-9 and -.',
    example: 'billing',
  },
  url: {
    kind: { kind: 'text', names: 'an https: URL' },
    isRequired: true,
    help: 'Where messages are sent, by POST: an https: URL, with `allowPrivate` also http:.',
    example: 'https://billing.example.org/hooks',
  },
  secret: {
    kind: { kind: 'secret' },
    isRequired: true,
    help: 'The secret that messages are signed with (Standard Webhooks): `whsec_` and 24 to 64 bytes in base64, or `@` and a file that holds it.',
    example: '@billing.secret',
    isSecret: true,
  },
  pattern: {
    kind: { kind: 'pattern' },
    isRequired: false,
    help: 'The topics whose events it is sent.',
    example: 'orders/**',
  },
  events: {
    kind: texts(webhookEvents.length, { kind: 'choice', of: webhookEvents }),
    isRequired: false,
    help: 'The messages that it is sent. Default `event`: the events of `pattern`.',
    example: ['event', 'session.connected', 'session.disconnected'],
  },
  allowPrivate: {
    kind: flag,
    isRequired: false,
    help: 'May be sent to this machine and to private networks. Default false.',
    example: true,
  },
}

/** By name, as in `settings.ts`. */
export const webhookRows: Readonly<Record<Extract<SettingName, 'webhooks'>, SettingRow>> = {
  webhooks: {
    kind: {
      kind: 'list',
      max: webhooksMax,
      things: 'webhooks',
      entry:
        '{"id": "billing", "url": "https://billing.example.org/hooks", "secret": "@billing.secret", "pattern": "orders/**"}',
      members,
    },
    default: [],
    example: [
      {
        id: 'billing',
        url: 'https://billing.example.org/hooks',
        secret: '@billing.secret',
        pattern: 'orders/**',
      },
    ],
    help: 'URLs that are sent the events of topics, and told of sessions.',
    more: 'Each goes on where it was, over restarts and on every hub of the same data.',
  },
}
