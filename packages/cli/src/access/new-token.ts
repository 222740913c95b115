// A new token on standard output, and nothing else there.

import { readFileSync } from 'node:fs'
import { explainHub, mintHubToken, parseDuration } from '@tidemark/hub'
import type { HubConfig } from '@tidemark/hub'
import { quote } from '@tidemark/wire/values'
import type { CommandLine, CommandOption } from '../command.ts'
import { lastValue } from '../command.ts'
import { CliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { print, remark } from '../output.ts'
import { loadAccessConfig } from './access-options.ts'

/** The claims of the token, and the key. */
export const mintOptions: readonly CommandOption[] = [
  { name: 'sub', value: '<user>', help: 'The user that the token is for.' },
  {
    name: 'subscribe',
    value: '<pattern>',
    isRepeatable: true,
    help: 'A topic or pattern that may be subscribed to and read. May be repeated.',
  },
  {
    name: 'publish',
    value: '<pattern>',
    isRepeatable: true,
    help: 'A topic or pattern that may be published to. May be repeated.',
  },
  {
    name: 'permission',
    value: '<name>',
    isRepeatable: true,
    help: 'A permission such as admin. May be repeated.',
  },
  {
    name: 'where',
    value: '<tag>:<value>',
    isRepeatable: true,
    help: 'A tag that events must have, such as region:eu or region:eu|us. May be repeated, for other tags.',
  },
  {
    name: 'ttl',
    value: '<duration>',
    help: 'How long the token is good for: 1s to 400d.',
    default: '1h',
  },
  {
    name: 'issuer',
    value: '<text>',
    help: 'Who says so (iss). Default: the issuer of the settings; where they have several, name one.',
  },
  {
    name: 'audience',
    value: '<text>',
    isRepeatable: true,
    help: 'A server that it is for (aud). May be repeated. Default: the first one of the settings.',
  },
  { name: 'id', value: '<text>', help: 'Its name, to revoke it by (jti). Default: a random one.' },
  {
    name: 'key',
    value: '<file>',
    help: 'A private key in PEM to sign with, in place of the secret of the settings.',
  },
  {
    name: 'topic-token',
    help: 'A token that adds its topics to what its user may do already, for the body of POST /events.',
  },
  { name: 'anybody', help: 'With --topic-token in place of --sub: for everybody who has it.' },
  { name: 'key-id', value: '<text>', help: 'The name of that key in a set of keys (kid).' },
  {
    name: 'algorithm',
    value: '<name>',
    help: 'The signature, such as ES256. Default: of those in the settings the one that the key is for.',
  },
]

/**
 * Prints it.
 * @throws CliError `OPTION_INVALID`, `ARGUMENT_INVALID`, `KEY_UNREADABLE`
 * @throws HubError, AccessError of the settings, the key and the claims
 */
export async function printNewToken(line: CommandLine): Promise<ExitCode> {
  const wishes = ['sub', 'subscribe', 'publish', 'permission']
  if (!wishes.some((name) => line.values.has(name))) {
    throw new CliError(
      'ARGUMENT_INVALID',
      "A token needs a user, a topic or a permission, such as tidemark token --sub ada --subscribe 'orders/*'.",
    )
  }
  const keyFile = lastValue(line, 'key')
  if (keyFile === undefined && line.values.has('key-id')) {
    throw new CliError('OPTION_INVALID', '--key-id names the key of --key. Give both, or neither.')
  }
  const isTopicToken = line.values.has('topic-token')
  if (isTopicToken) requireTopicWish(line)
  else if (line.values.has('anybody')) {
    throw new CliError('OPTION_INVALID', '--anybody is for topic tokens. Add --topic-token.')
  }
  const config = loadAccessConfig('token', line)
  const token = await mintHubToken(config, {
    sub: lastValue(line, 'sub'),
    subscribe: line.values.get('subscribe'),
    publish: line.values.get('publish'),
    permissions: line.values.get('permission'),
    where: line.values.get('where'),
    ttlMs: readTtl(lastValue(line, 'ttl')),
    issuer: lastValue(line, 'issuer'),
    audience: line.values.get('audience'),
    id: lastValue(line, 'id'),
    keyId: lastValue(line, 'key-id'),
    algorithm: lastValue(line, 'algorithm'),
    isTopicToken,
    privateKey: keyFile === undefined ? undefined : readKey(keyFile),
  })
  await print(`${token}\n`)
  // A topic token says nothing by itself: it comes beside another one.
  if (!isTopicToken) await warnOfRefusal(config, token)
  return exitCodes.done
}

/** One that everybody can use must be asked for: it is easily made by leaving something out. */
function requireTopicWish(line: CommandLine): void {
  if (line.values.has('permission')) {
    throw new CliError('OPTION_INVALID', 'A topic token gives topics only. Leave --permission out.')
  }
  if (line.values.has('where')) {
    throw new CliError(
      'OPTION_INVALID',
      'A topic token gives topics only. Give --where to the token that says who the client is.',
    )
  }
  if (line.values.has('sub') !== line.values.has('anybody')) return
  throw new CliError(
    'OPTION_INVALID',
    'A topic token is for one user (--sub) or for everybody who has it (--anybody). Give one of the two.',
  )
}

/** A token for another hub is fine; one that was signed with the wrong key costs an afternoon. */
async function warnOfRefusal(config: HubConfig, token: string): Promise<void> {
  const { checks } = await explainHub(config, { token })
  const refusal = checks.find(({ isPassed }) => !isPassed)
  if (refusal?.code === undefined || !refusal.code.startsWith('TOKEN_')) return
  remark(`a hub with the settings here refuses this token. ${refusal.detail} (${refusal.code})`)
}

function readTtl(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = parseDuration(text)
  if (ms !== undefined) return ms
  throw new CliError(
    'OPTION_INVALID',
    `--ttl must be a duration such as 15m, 1h or 7d; got ${quote(text)}.`,
  )
}

function readKey(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError(
      'KEY_UNREADABLE',
      `Cannot read the key ${quote(path)}: ${reason}. Give the path of a private key in PEM.`,
      { cause },
    )
  }
}
