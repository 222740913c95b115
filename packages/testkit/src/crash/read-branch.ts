// Reads a data directory from its beginning to its end, once nobody serves it any more.

import { decodeStream } from '@tidemark/wire'
import { startHubProcess } from '../hub-process.ts'
import type { ReceivedEvent } from '../traffic/history.ts'
import { readReceived } from '../traffic/read-received.ts'
import { wholeLog } from '../traffic/subscription.ts'
import { Branch } from './branch.ts'

/** Published at the end, so that it is known when everything before it has come. */
const lastTopic = 'autopsy'

/** Starts a hub on the directory for it. */
export async function readBranch(number: number, dataDirectory: string): Promise<Branch> {
  const hub = await startHubProcess({ dataDirectory })
  try {
    const sent = await fetch(`${hub.url}/topics/${lastTopic}`, { method: 'POST', body: '' })
    if (sent.status !== 200) throw new Error(`The last event was answered ${sent.status}.`)
    const { body } = await fetch(`${hub.url}/events?topic=**&since=earliest`)
    if (body === null) throw new Error('The stream has no body.')
    const records: ReceivedEvent[] = []
    for await (const event of decodeStream(body)) {
      if (event.fields?.get('topic') === lastTopic) return new Branch(number, records)
      if (!event.type.startsWith('tidemark.')) records.push(...readReceived(event, wholeLog))
    }
    throw new Error(`The stream of history ${number} ended early; its hub wrote: ${hub.output}`)
  } finally {
    await hub.stop()
  }
}
