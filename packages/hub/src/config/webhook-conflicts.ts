// Webhooks that cannot be sent as they are configured.

import { AddressRefused, checkLiteral } from '../webhooks/receiver-address.ts'
import { webhookIdCharactersMax } from '../webhooks/limits.ts'
import { secretFile } from './access-choice.ts'
import type { Fault } from './fault.ts'
import type { HubConfig, WebhookConfig } from './hub-config.ts'

const idShape = new RegExp(`^[a-z0-9-]{1,${webhookIdCharactersMax}}$`)

/** One fault for each. */
export function findWebhookConflicts({ webhooks }: Pick<HubConfig, 'webhooks'>): readonly Fault[] {
  const ids = new Set<string>()
  return webhooks.flatMap((webhook, i) => {
    const isTwice = ids.has(webhook.id)
    ids.add(webhook.id)
    return findFaults(webhook, isTwice).map(({ name, wanted, got, shown }): Fault => {
      const path = ['webhooks', String(i), name]
      return { kind: 'unfit', path, wanted, got, shown }
    })
  })
}

interface Found {
  readonly name: keyof WebhookConfig
  readonly wanted: string
  readonly got?: unknown
  readonly shown?: string
}

function findFaults(webhook: WebhookConfig, isTwice: boolean): readonly Found[] {
  const { id, secret, pattern, events = ['event'] } = webhook
  const found: Found[] = []
  if (!idShape.test(id))
    found.push({
      name: 'id',
      wanted: `must be 1 to ${webhookIdCharactersMax} of a-z, 0-9 and -`,
      got: id,
    })
  if (isTwice)
    found.push({ name: 'id', wanted: 'must be another than that of the others', got: id })
  const fault = secretFile(secret) === undefined ? findSecretFault(secret) : undefined
  if (fault !== undefined)
    found.push({ name: 'secret', wanted: fault, got: secret, shown: 'a secret that is not shown' })
  const url = findUrlFault(webhook)
  if (url !== undefined) found.push({ name: 'url', wanted: url, shown: hideQuery(webhook.url) })
  if (events.length === 0)
    found.push({ name: 'events', wanted: 'must name one at least, or be left out', got: events })
  if (pattern === undefined && events.includes('event'))
    found.push({
      name: 'pattern',
      wanted: 'must name the topics whose events are sent, such as orders/**',
    })
  // Its own deliveries are records below `$hub/`: they would be sent, and delivered, without end.
  if (pattern?.startsWith('$') === true)
    found.push({ name: 'pattern', wanted: 'must not begin with $', got: pattern })
  return found
}

function findUrlFault({ url: text, allowPrivate = false }: WebhookConfig): string | undefined {
  if (!URL.canParse(text)) return 'must be a URL such as https://billing.example.org/hooks'
  const url = new URL(text)
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    return 'must have no user, no password and no fragment; messages are signed'
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:'))
    return 'must begin with https:, or with http: where allowPrivate is true'
  if (allowPrivate) return undefined
  try {
    checkLiteral(url)
    return undefined
  } catch (error) {
    if (!(error instanceof AddressRefused)) throw error
    return 'must not be an address of this machine or of a private network, unless allowPrivate is true'
  }
}

/** Queries hold tokens now and then. */
function hideQuery(url: string): string {
  const at = url.indexOf('?')
  return JSON.stringify(at === -1 ? url : `${url.slice(0, at)}?…`)
}

/** `must be …` for a text that is no secret of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64. */
export function findSecretFault(text: string): string | undefined {
  const [, encoded] = /^(?:whsec_)?([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? []
  const bytes = encoded === undefined ? 0 : Buffer.from(encoded, 'base64').length
  const isWhole = encoded !== undefined && encoded.length % 4 === 0
  if (isWhole && bytes >= 24 && bytes <= 64) return undefined
  return 'must be whsec_ and 24 to 64 bytes in base64 (make one with: echo "whsec_$(openssl rand -base64 32)")'
}
