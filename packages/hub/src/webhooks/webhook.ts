// One webhook, as the configuration names it.

import { readFile } from 'node:fs/promises'
import { parseTopicSet } from '@tidemark/log'
import type { TopicSet } from '@tidemark/log'
import { secretFile } from '../config/access-choice.ts'
import type { HubConfig, WebhookConfig } from '../config/hub-config.ts'
import { findSecretFault } from '../config/webhook-conflicts.ts'
import { HubError } from '../errors.ts'
import { sessionTopics } from './hub-events.ts'

/** A webhook that can be sent. */
export interface Webhook {
  readonly id: string
  readonly url: URL
  /** `whsec_…`, of which `standardwebhooks` makes the key. */
  readonly secret: string
  /** The topics that it reads, those of the hub's own events too. */
  readonly topics: TopicSet
  /** The types of the hub's own events that it is sent. */
  readonly events: ReadonlySet<string>
  readonly allowPrivate: boolean
  readonly config: WebhookConfig
}

/**
 * Reads the secrets.
 * @throws HubError `CONFIG_INVALID` for a file that cannot be read, or holds none
 */
export async function planWebhooks({ webhooks }: HubConfig): Promise<readonly Webhook[]> {
  return Promise.all(
    webhooks.map(async (config, i) => {
      const { id, url, pattern, events = ['event'], allowPrivate = false } = config
      const topics = [
        ...(pattern !== undefined && events.includes('event') ? [pattern] : []),
        ...(events.some((event) => event.startsWith('session.')) ? [sessionTopics] : []),
      ]
      return {
        id,
        url: new URL(url),
        secret: await readSecret(config, i),
        topics: parseTopicSet(topics),
        events: new Set<string>(events),
        allowPrivate,
        config,
      }
    }),
  )
}

async function readSecret({ secret }: WebhookConfig, index: number): Promise<string> {
  const file = secretFile(secret)
  if (file === undefined) return secret
  const place = `webhooks.${index}.secret`
  let text: string
  try {
    text = (await readFile(file, 'utf8')).trim()
  } catch (cause) {
    throw invalid(`${place} cannot be read: ${String(cause)}`, cause)
  }
  const fault = findSecretFault(text)
  if (fault !== undefined) throw invalid(`${place} ${fault}, in ${file}`)
  return text
}

function invalid(fault: string, cause?: unknown): HubError {
  return new HubError('CONFIG_INVALID', `The configuration is not usable: ${fault}.`, { cause })
}
