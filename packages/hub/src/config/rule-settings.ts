// The settings of rules for topics that are of no other section, one row for each kind.

import {
  rateBurstRange,
  ratePerSecondRange,
  rulesMax,
  subscribersRange,
} from '@tidemark/server/hub'
import type { SettingName } from './hub-config.ts'
import { count, flag, rate } from './kinds.ts'
import type { Member, SettingRow } from './setting.ts'

type RuleSettingName = Extract<SettingName, `rules.${string}`>

/** The member that every rule for topics has. */
export const patternMember: Member = {
  kind: { kind: 'pattern' },
  isRequired: true,
  help: 'The topics it is for; the first rule that matches a topic decides.',
  example: 'logs/**',
}

const more =
  'Holds for every hub on the same data. A change at run time holds until this is edited.'

/** By name, as in `settings.ts`. */
export const ruleRows: Readonly<Record<RuleSettingName, SettingRow>> = {
  'rules.compression': {
    kind: {
      kind: 'list',
      max: rulesMax,
      entry: '{"pattern": "images/**", "compress": false}',
      members: {
        pattern: patternMember,
        compress: {
          kind: flag,
          isRequired: true,
          help: 'False: they stand in a compressed stream as they are. A topic without a rule has true.',
          example: false,
        },
      },
    },
    default: [],
    example: [{ pattern: 'images/**', compress: false }],
    help: 'Whether events of each topic that matches are compressed, where a stream is.',
    more,
  },
  'rules.rate': {
    kind: {
      kind: 'list',
      max: rulesMax,
      entry: '{"pattern": "chat/*", "perSecond": 20, "burst": 50}',
      members: {
        pattern: patternMember,
        perSecond: {
          kind: rate(ratePerSecondRange, 'events per second'),
          isRequired: true,
          help: 'Events of all publishers together. A topic without a rule has no bound.',
          example: 20,
        },
        burst: {
          kind: count(rateBurstRange, 'events'),
          isRequired: false,
          help: 'Events at once after a pause; without it those of a second.',
          example: 50,
        },
      },
    },
    default: [],
    example: [{ pattern: 'chat/*', perSecond: 20, burst: 50 }],
    help: 'How many events each topic that matches may get per second, on all nodes together.',
    more: `What is beyond is refused, and nothing of it is published. ${more}`,
  },
  'rules.startAt': {
    kind: {
      kind: 'list',
      max: rulesMax,
      entry: '{"pattern": "users/**", "startAt": "earliest"}',
      members: {
        pattern: patternMember,
        startAt: {
          kind: {
            kind: 'text',
            names: 'now, earliest, -10 (the last ten) or a duration such as 7d',
          },
          isRequired: true,
          help: 'now, earliest, -10 (the last ten) or a duration back from now. A topic without a rule has now.',
          example: 'earliest',
        },
      },
    },
    default: [],
    example: [{ pattern: 'users/**', startAt: 'earliest' }],
    help: 'Where a consumer begins that is new, for each topic that matches.',
    more,
  },
  'rules.subscribers': {
    kind: {
      kind: 'list',
      max: rulesMax,
      entry: '{"pattern": "rooms/*", "max": 500}',
      members: {
        pattern: patternMember,
        max: {
          kind: count(subscribersRange, 'streams'),
          isRequired: true,
          help: 'Streams of all hubs and workers together. A topic without a rule has no bound.',
          example: 500,
        },
      },
    },
    default: [],
    example: [{ pattern: 'rooms/*', max: 500 }],
    help: 'How many streams may follow each topic that matches by its name, on all nodes together.',
    more: `Streams that are there never end by it. ${more}`,
  },
}
