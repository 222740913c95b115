// A certificate that its own key has signed, for development (RFC 5280).

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { isIP, isIPv6 } from 'node:net'
import {
  bitString,
  element,
  integer,
  octetString,
  oid,
  sequence,
  set,
  utcTime,
  utf8,
  yes,
} from './der.ts'
import type { Certificate } from './load-certificate.ts'

/** The names and the time that it is for. */
export interface SelfSignedPlan {
  /** Host names and addresses, one at least. */
  readonly names: readonly string[]
  readonly fromMs: number
  readonly toMs: number
}

/** Makes a key (P-256) and its certificate. */
export function signCertificate({ names, fromMs, toMs }: SelfSignedPlan): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(oid('1.2.840.10045.4.3.2')) // ecdsa-with-SHA256
  const subject = sequence(
    set(sequence(oid('2.5.4.3'), utf8('Tidemark, self-signed for development'))),
  )
  const toSign = sequence(
    element(0xa0, integer(Buffer.from([2]))), // version 3
    integer(randomBytes(16)),
    algorithm,
    subject,
    sequence(utcTime(fromMs), utcTime(toMs)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(...listExtensions(names))),
  )
  const signed = sequence(toSign, algorithm, bitString(sign('sha256', toSign, privateKey)))
  const lines = signed.toString('base64').match(/.{1,64}/g) ?? []
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** It signs no other certificate, so that a browser told to trust it trusts this hub and nobody else. */
function listExtensions(names: readonly string[]): readonly Buffer[] {
  return [
    extension('2.5.29.19', sequence(), true), // basicConstraints: no authority
    extension('2.5.29.15', bitString(Buffer.from([0x80]), 7), true), // keyUsage: digitalSignature
    extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1')), false), // extKeyUsage: serverAuth
    extension('2.5.29.17', sequence(...names.map(encodeName)), false), // subjectAltName
  ]
}

function extension(id: string, value: Buffer, isCritical: boolean): Buffer {
  return sequence(oid(id), ...(isCritical ? [yes] : []), octetString(value))
}

/** `dNSName` and `iPAddress` of RFC 5280 §4.2.1.6. */
function encodeName(name: string): Buffer {
  if (isIP(name) === 0) return element(0x82, Buffer.from(name, 'latin1'))
  return element(0x87, Buffer.from(isIPv6(name) ? readIPv6(name) : name.split('.').map(Number)))
}

/** The URL parser writes every form of it as eight groups with one gap at most. */
function readIPv6(address: string): readonly number[] {
  const [head = '', tail = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const [before, after] = [head, tail].map((part) =>
    part.split(':').filter((group) => group !== ''),
  )
  const gap = Array.from({ length: 8 - (before?.length ?? 0) - (after?.length ?? 0) }, () => '0')
  return [...(before ?? []), ...gap, ...(after ?? [])].flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 255]
  })
}
