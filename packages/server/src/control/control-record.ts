// Requests and answers as records of `$hub/control`. The key of a record names the node that it is for, so no
// other node reads its data. Some requests are for all nodes.

import type { EventRecord, NewEvent } from '@tidemark/log'
import { controlTopic } from '@tidemark/log/values'
import { quote } from '@tidemark/wire/values'
import { ServerError, serverErrors } from '../errors.ts'
import type { ServerErrorCode } from '../errors.ts'
import { decodeCommand, encodeCommand } from './command.ts'
import type { Command } from './command.ts'
import { isObject } from './command-row.ts'
import { nodeOf } from './session-id.ts'

/** Asks a node for something. */
export interface ControlRequest {
  /** Cannot be guessed. */
  readonly id: string
  /** The node that asks. */
  readonly from: string
  /** Undefined: for every node, and no node answers. */
  readonly session: string | undefined
  /** When it is too late to carry it out, in milliseconds since 1970, by the asker's clock. */
  readonly deadline: number
  readonly command: Command
}

/** The result of a command as JSON can say it, or the error. */
export type Outcome = Result | ServerError

/** A value of JSON. */
export type Result = boolean | number | object

/** Tells the asking node what has been done. */
export interface ControlAnswer {
  /** The request's. */
  readonly id: string
  /** The command resolved to this, or threw this error. */
  readonly outcome: Outcome
}

/** The key of a request to every node: no node has this name. */
export const everyNode = '*'

const requestType = 'request'
const answerType = 'answer'

/** A line of JSON, and behind it the data of an event. */
export function encodeRequest({ command, ...given }: ControlRequest): NewEvent {
  const { head, data } = encodeCommand(command)
  const line = JSON.stringify({ ...given, command: head })
  return {
    topic: controlTopic,
    type: requestType,
    key: given.session === undefined ? everyNode : (nodeOf(given.session) ?? ''),
    data: `${line}\n${data}`,
  }
}

/** @param to the node that asked */
export function encodeAnswer({ id, outcome }: ControlAnswer, to: string): NewEvent {
  const said =
    outcome instanceof ServerError
      ? { id, error: { code: outcome.code, message: outcome.message } }
      : { id, done: outcome }
  return { topic: controlTopic, type: answerType, key: to, data: JSON.stringify(said) }
}

/**
 * Reads a record that is for this node.
 * @throws ServerError `EVENT_INVALID` for a record that no node writes
 */
export function decodeControl({ type, data }: EventRecord): ControlAnswer | ControlRequest {
  const end = data.indexOf('\n')
  const head = parseJson(end === -1 ? data : data.slice(0, end))
  const read =
    type === requestType && end !== -1
      ? readRequest(head, data.slice(end + 1))
      : type === answerType
        ? readAnswer(head)
        : undefined
  if (read !== undefined) return read
  throw new ServerError(
    'EVENT_INVALID',
    `The record of $hub/control is no request and no answer; got ${quote(`${type}: ${data.slice(0, 100)}`)}. Nothing but nodes writes there.`,
  )
}

function readRequest(head: unknown, data: string): ControlRequest | undefined {
  if (!isObject(head)) return undefined
  const { id, from, session, deadline, command } = head
  const read = decodeCommand(command, data)
  if (read === undefined || !isText(id) || !isText(from)) return undefined
  if (session !== undefined && !isText(session)) return undefined
  if (typeof deadline !== 'number') return undefined
  return { id, from, session, deadline, command: read }
}

function readAnswer(head: unknown): ControlAnswer | undefined {
  if (!isObject(head)) return undefined
  const { id, done, error } = head
  if (!isText(id)) return undefined
  if (typeof done === 'boolean' || isObject(done)) return { id, outcome: done }
  if (!isObject(error) || typeof error['message'] !== 'string') return undefined
  // A node of another version may know codes that this one does not.
  const code = isCode(error['code']) ? error['code'] : 'INTERNAL'
  return { id, outcome: new ServerError(code, error['message']) }
}

/** Names and ids of nodes have 22 to 55 characters. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 64
}

function isCode(value: unknown): value is ServerErrorCode {
  return typeof value === 'string' && Object.hasOwn(serverErrors, value)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
