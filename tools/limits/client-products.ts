// Products of limits in what a hub remembers of its clients: addresses, rates, and those that wait.

import { KiB } from './product.ts'
import type { Product } from './product.ts'

export const clientProducts: readonly Product[] = [
  {
    what: 'addresses that drew attention, and those that a process has not told yet',
    limits: ['access.suspectsMax', 'access.suspicionsGatheredMax'],
    worstCase: (look) =>
      look('access.suspectsMax') * 300 + look('access.suspicionsGatheredMax') * 100,
    boundedBy: 'their number: those seen longest ago are forgotten',
    filledBy: {
      file: 'packages/access/test/rates.test.ts',
      name: 'of suspicious addresses a bounded number is remembered, those seen last',
    },
  },
  {
    what: 'addresses denied at run time × their reasons, bans, and the lists of the configuration',
    limits: [
      'access.deniesMax',
      'access.bansMax',
      'access.denyReasonCharactersMax',
      'access.addressRangesMax',
    ],
    worstCase: (look) =>
      look('access.deniesMax') * (400 + 2 * look('access.denyReasonCharactersMax')) +
      look('access.bansMax') * 400 +
      3 * look('access.addressRangesMax') * 100,
    boundedBy: 'their number; beyond it a deny is refused, and nobody is banned',
    filledBy: {
      file: 'packages/access/test/addresses.test.ts',
      name: 'as many addresses may be denied at run time as fit, and one more is refused',
    },
  },
  {
    what: 'counters of three rates: streams, publishes and refusals',
    limits: ['access.rateKeysMax'],
    worstCase: (look) => 3 * look('access.rateKeysMax') * 440,
    boundedBy: 'their number: the key whose window began first counts anew',
    filledBy: {
      file: 'packages/access/test/rates.test.ts',
      name: 'counters are bounded: of too many keys the oldest counts anew',
    },
  },
  {
    what: 'streams that wait because of their rate',
    limits: ['access.slowedMax'],
    worstCase: (look) => look('access.slowedMax') * 8 * KiB,
    boundedBy: 'their number; beyond it a stream is refused for now',
    filledBy: {
      file: 'packages/access/test/rates.test.ts',
      name: 'no more than a bounded number wait, and a client that leaves waits no more and leaves no timer',
    },
  },
  {
    what: 'questions of a worker to the process that counts',
    limits: ['access.countQuestionsMax'],
    worstCase: (look) => look('access.countQuestionsMax') * 500,
    boundedBy: 'their number; beyond it a request is let in',
    filledBy: {
      file: 'packages/hub/test/worker-limits.test.ts',
      name: 'a worker that gets no answer lets requests in, and tells the operator once',
    },
  },
]
