// Errors as one line and an exit code.

import { ClientError, clientErrors } from '@tidemark/client'
import { HubError } from '@tidemark/hub'
import { expect, test } from 'vitest'
import { describeFailure } from '../src/describe-failure.ts'
import { CliError, cliErrors } from '../src/errors.ts'
import type { CliErrorCode } from '../src/errors.ts'

test('no error of the command line ends with the exit code that means anything else', () => {
  for (const code of Object.keys(cliErrors) as CliErrorCode[]) {
    const cause = new ClientError('REFUSED', 'No.', { status: 400 })
    const { text, exitCode } = describeFailure(new CliError(code, 'What, got, do.', { cause }))
    expect(text).toBe(`What, got, do. (${code})`)
    expect(exitCode).toBeGreaterThan(1)
  }
})

test('a refusal is told in the words of the server, and a closed door apart from a bad request', () => {
  const problem = { code: 'TOKEN_EXPIRED', detail: 'The token has expired. Fetch another.' }
  expect(describeFailure(new ClientError('REFUSED', 'x', { status: 401, problem }))).toEqual({
    text: 'The token has expired. Fetch another. (TOKEN_EXPIRED)',
    exitCode: 77,
  })
  expect(
    describeFailure(new ClientError('REFUSED', clientErrors.REFUSED, { status: 404 })),
  ).toEqual({
    text: `${clientErrors.REFUSED} (REFUSED)`,
    exitCode: 65,
  })
})

test('errors of the hub and of nobody have an exit code too', () => {
  expect(describeFailure(new HubError('PORT_IN_USE', 'x')).exitCode).toBe(69)
  expect(describeFailure(new HubError('TLS_UNUSABLE', 'x')).exitCode).toBe(78)
  expect(describeFailure(new Error('odd'))).toEqual({ text: 'odd (INTERNAL)', exitCode: 1 })
})
