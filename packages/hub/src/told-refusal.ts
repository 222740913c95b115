// A refusal that says more than the one it stands for. A 401 says where a client finds the issuer of its
// tokens (RFC 9728 §5.1), whichever route refuses.

import { nameMetadata } from '@tidemark/access/hub'
import { CodedError } from '@tidemark/server/hub'
import type { CodeHeaders, ErrorRow } from '@tidemark/server/hub'
import type { ProtectedResource } from './protected-resource.ts'

/** A refusal with the same code, and more to say. */
export class ToldRefusal extends CodedError {
  override readonly name: string
  readonly code: string
  readonly row: ErrorRow

  constructor(
    refusal: CodedError,
    { message, headers }: { readonly message: string; readonly headers: CodeHeaders },
  ) {
    super(message, { cause: refusal, headers })
    this.name = refusal.name
    this.code = refusal.code
    this.row = refusal.row
  }
}

/**
 * A 401 that names the metadata of the hub; any other error as it is.
 * @param authority The host that the client asked for; without one that is a name nothing is added.
 * @param resource Undefined where no token can be checked.
 */
export function nameIssuer(
  error: CodedError,
  authority: string | undefined,
  resource: ProtectedResource | undefined,
): CodedError {
  const url = error.status === 401 ? resource?.urlFor(authority) : undefined
  if (url === undefined) return error
  const { headers, row, message } = error
  const given = headers['WWW-Authenticate'] ?? row.headers?.['WWW-Authenticate'] ?? 'varies'
  const challenge = nameMetadata(given === 'varies' ? undefined : given, url)
  return new ToldRefusal(error, { message, headers: { ...headers, 'WWW-Authenticate': challenge } })
}
