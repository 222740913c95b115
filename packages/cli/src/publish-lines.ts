// `publish --lines`: one request after the other, each with a key of its own, so that repeating it
// publishes nothing twice.

import { ClientError } from '@tidemark/client'
import type { Publisher, TopicInput } from '@tidemark/client'
import { describeFailure } from './describe-failure.ts'
import { CliError } from './errors.ts'
import type { LineBatch, LineBatches } from './line-batches.ts'

/** Everything that publishing lines needs. */
export interface LinePublishing {
  readonly batches: LineBatches
  readonly publisher: Publisher
  /** All of each event but its data. */
  readonly event: Omit<TopicInput, 'data'>
  /** Different for every run of the program; the keys are made from it. */
  readonly runId: string
  /** Told after each request how many lines the hub has acknowledged so far. */
  readonly onProgress: (lines: number) => void
}

/**
 * Publishes every line, in order, until the input ends. One request is under way at a time: a second
 * could overtake the first when that one has to be repeated.
 * @throws CliError `LINES_REFUSED`, `LINE_…`, `INPUT_FAILED`
 */
export async function publishLines(plan: LinePublishing): Promise<void> {
  const { batches, publisher, event, runId, onProgress } = plan
  for (let number = 1; ; number++) {
    const batch = await batches.take()
    if (batch === undefined) return
    const events = batch.lines.map((data) => ({ ...event, data }))
    try {
      await publisher.publishAll(events, { idempotencyKey: `${runId}-${number}` })
    } catch (error) {
      throw error instanceof ClientError ? describeRefused(batch, error) : error
    }
    onProgress(batch.first + batch.lines.length - 1)
  }
}

function describeRefused({ first, lines }: LineBatch, cause: ClientError): CliError {
  const last = first + lines.length - 1
  const range = first === last ? `Line ${first} was` : `Lines ${first} to ${last} were`
  const reason = describeFailure(cause).text
  return new CliError('LINES_REFUSED', `${range} refused, those before published: ${reason}`, {
    cause,
  })
}
