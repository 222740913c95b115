// One stream and one publish before the load: what is wrong with the URL is said at once, not after
// half a minute.

import { CliError } from '../errors.ts'
import { openStream } from './open-stream.ts'
import type { StreamEnd } from './open-stream.ts'
import type { Plan } from './plan.ts'
import type { Publisher } from './publisher.ts'
import { fillTemplate, nameTopic } from './target.ts'

/** The server that answered. */
export interface Answerer {
  /** The IP address. */
  readonly address: string
  /** Its own name, the `Server` field. */
  readonly server: string | undefined
}

/**
 * Opens one stream and closes it; undefined when the signal aborts before there is an answer.
 * @throws CliError `BENCH_UNREACHABLE`, `BENCH_NOT_SSE`, `BENCH_REFUSED`
 */
export function tryStream(
  { target, runId }: Plan,
  signal: AbortSignal,
): Promise<Answerer | undefined> {
  const url = new URL(fillTemplate(target.streamUrl, { topic: nameTopic(runId, 0), i: 0 }))
  return new Promise((resolve, reject) => {
    const stream = openStream(
      { url, headers: target.streamHeaders, lastEventId: '' },
      {
        opened({ fields }, address) {
          resolve({ address, server: fields.get('server') })
          stream.close()
        },
        ended(end) {
          reject(describeEnd(url, end))
        },
        event: () => undefined,
        retry: () => undefined,
        bytes: () => undefined,
      },
    )
    signal.addEventListener('abort', () => {
      stream.close()
      resolve(undefined)
    })
  })
}

/**
 * Publishes one event; the signal ends the waiting for its answer.
 * @throws CliError `BENCH_REFUSED`
 */
export async function tryPublish(publisher: Publisher, signal: AbortSignal): Promise<void> {
  const failure = await publisher.try(signal)
  if (failure === undefined || signal.aborted) return
  throw new CliError(
    'BENCH_REFUSED',
    `The first publish failed: ${failure}. Mend that, or say --rate 0 to open streams only.`,
  )
}

function describeEnd(url: URL, { reason, status, isUnreachable }: StreamEnd): CliError {
  if (isUnreachable === true) {
    return new CliError(
      'BENCH_UNREACHABLE',
      `Nothing answers at ${url.origin}: ${reason}. ${adviseUnreachable(url, reason)}`,
    )
  }
  if (status !== undefined && status !== 200) {
    return new CliError('BENCH_REFUSED', `${url.href} refuses the stream: ${reason}`)
  }
  return new CliError(
    'BENCH_NOT_SSE',
    `${url.href} is no event stream: ${reason}. Give the full URL of a Server-Sent Events endpoint, or a hub's URL without a path.`,
  )
}

/**
 * Over TLS, what is no fault of the network is one of the certificate, or of a server that speaks plain
 * HTTP.
 */
function adviseUnreachable({ protocol }: URL, reason: string): string {
  const isNetwork = /^(E(CONN|TIMEDOUT|HOST|NET|AI_)|ENOTFOUND|no answer)/.test(reason)
  return protocol === 'https:' && !isNetwork
    ? 'Is it an https: server? The certificate of an authority of your own goes into the variable NODE_EXTRA_CA_CERTS, as a file name.'
    : 'Is the server running? Start a hub with: tidemark serve'
}
