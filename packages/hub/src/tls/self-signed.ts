// The certificate of `tls.source` "self-signed": kept beside the data, so that what a browser was told once
// holds after a restart.

import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { isIP } from 'node:net'
import { dirname, join } from 'node:path'
import type { Clock } from '@tidemark/log'
import { selfSignedMs } from './limits.ts'
import { CertificateFacts } from './certificate-facts.ts'
import { checkCertificate } from './load-certificate.ts'
import type { Certificate } from './load-certificate.ts'
import { signCertificate } from './sign-certificate.ts'

const hourMs = 3_600_000

/** Where it is kept, and what it is for. */
export interface SelfSignedOptions {
  /** Undefined: it ends with the process. */
  readonly directory: string | undefined
  /** The address that the hub listens on. */
  readonly host: string
  readonly nowMs: number
  readonly say: (text: string) => void
}

/** In a data directory; begins with a dot, as a directory without a log may hold such files only. */
export const selfSignedFile = '.tidemark-self-signed.pem'

/** The certificate of a hub that may run for longer than it is for. */
export class OwnCertificate {
  readonly #options: Omit<SelfSignedOptions, 'nowMs'>
  readonly #clock: Clock
  #newest: Certificate

  constructor(options: Omit<SelfSignedOptions, 'nowMs'>, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#newest = provideSelfSigned({ ...options, nowMs: clock.now() })
  }

  /** Another one when the last is about to end. */
  get newest(): Certificate {
    const nowMs = this.#clock.now()
    if (!isInDate(this.#newest, nowMs))
      this.#newest = provideSelfSigned({ ...this.#options, nowMs })
    return this.#newest
  }
}

/** The one that is kept, if it can still be used, else a new one. */
export function provideSelfSigned(options: SelfSignedOptions): Certificate {
  const { directory, host, nowMs, say } = options
  const names = listNames(host)
  const path = directory === undefined ? undefined : join(directory, selfSignedFile)
  const kept = path === undefined ? undefined : readKept(path, { names, nowMs })
  if (kept !== undefined) return kept
  // An hour back, for machines of the same desk whose clocks differ.
  const made = signCertificate({ names, fromMs: nowMs - hourMs, toMs: nowMs + selfSignedMs })
  if (directory !== undefined && path !== undefined) {
    try {
      makeDirectory(directory)
      keep(path, made)
    } catch (error) {
      say(
        `The self-signed certificate cannot be kept in ${path}: ${String(error)}. Browsers ask again after each start.`,
      )
    }
  }
  return made
}

/** Whether it holds for a while. */
function isInDate({ cert }: Certificate, nowMs: number): boolean {
  return new CertificateFacts(cert).describeDates(nowMs) === undefined
}

/** This machine's names, and the host's where it is another. An address of all interfaces is no name. */
function listNames(host: string): readonly string[] {
  const names = ['localhost', '127.0.0.1', '::1']
  const isName = isIP(host) !== 0 || /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i.test(host)
  const isEvery = ['0.0.0.0', '::'].includes(host)
  return !isName || isEvery || names.includes(host.toLowerCase()) ? names : [...names, host]
}

/** Undefined unless nobody else can have read it, and it is for these names for a while. */
function readKept(
  path: string,
  { names, nowMs }: { readonly names: readonly string[]; readonly nowMs: number },
): Certificate | undefined {
  try {
    if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) return undefined
    const text = readFileSync(path, 'latin1')
    const at = text.indexOf('-----BEGIN PRIVATE KEY-----')
    const certificate = { cert: text.slice(0, at), key: text.slice(at) }
    checkCertificate(certificate, { cert: path, key: path })
    const facts = new CertificateFacts(certificate.cert)
    const isFit = names.every((name) => facts.covers(name)) && isInDate(certificate, nowMs)
    return isFit ? certificate : undefined
  } catch {
    return undefined
  }
}

/** One file for both, put in place whole: two hubs that start at once never mix theirs. */
function keep(path: string, { cert, key }: Certificate): void {
  const partial = `${path}.${randomBytes(6).toString('hex')}`
  try {
    writeFileSync(partial, `${cert}${key}`, { mode: 0o600, flag: 'wx' })
    renameSync(partial, path)
  } catch (error) {
    rmSync(partial, { force: true })
    throw error
  }
}

/** Parents first: Node's own way through several never returns below `/proc`. */
function makeDirectory(directory: string): void {
  if (existsSync(directory)) return
  const parent = dirname(directory)
  if (parent !== directory) makeDirectory(parent)
  mkdirSync(directory)
}
