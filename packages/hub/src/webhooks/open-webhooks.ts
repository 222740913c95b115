// The webhooks of a configuration.

import { systemClock } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { systemRandom } from '@tidemark/server/hub'
import type { HubConfig } from '../config/hub-config.ts'
import { drawId } from './draw-id.ts'
import { planWebhooks } from './webhook.ts'
import { Webhooks } from './webhooks.ts'

/**
 * Reads the secrets of webhooks; nothing is sent yet.
 * @throws HubError `CONFIG_INVALID`
 */
export async function openWebhooks(
  config: HubConfig,
  log: EventLog,
  onError: (error: unknown) => void,
): Promise<Webhooks> {
  return new Webhooks({
    webhooks: await planWebhooks(config),
    log,
    clock: systemClock,
    random: systemRandom,
    node: drawId(systemRandom),
    onError,
  })
}
