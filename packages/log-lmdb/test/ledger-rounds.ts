// Two processes write to one ledger and are killed again and again; a third handle, of this
// process, watches.

import { openLedger } from '@tidemark/log'
import { startChild } from './children/start-child.ts'
import type { Child } from './children/start-child.ts'
import { LedgerDigest, sayDigests, textCodec } from './ledger-digest.ts'
import { openAt } from './lmdb-harness.ts'

export interface LedgerRounds {
  readonly directory: string
  /** Of each process, in its last life. */
  readonly sets: number
  readonly claims: number
  /**
   * Lives of each process that end by SIGKILL, each after so many lines of {@link
   * LedgerReport.acknowledged}.
   */
  readonly kills: number
  readonly linesBeforeKill: number
}

export interface LedgerReport {
  /** Acknowledged sets that the processes told of: one of 15. */
  readonly acknowledged: number
  /** Positions at which a process and this one were compared, and where they differed. */
  readonly compared: number
  readonly differing: readonly string[]
  /** Claims that two processes say to have won, or whose winner is told differently. */
  readonly disputed: readonly string[]
  readonly claimed: number
  /** Keys of which an acknowledged set is missing. */
  readonly missing: readonly string[]
  /** Whether a fresh ledger holds what the watcher holds. */
  readonly isFreshEqual: boolean
  readonly elapsedMs: number
}

type Line = Readonly<Record<string, unknown>>

export async function runLedgerRounds(rounds: LedgerRounds): Promise<LedgerReport> {
  const begun = performance.now()
  const log = await openAt(rounds.directory, { durability: 'commit' })
  const ledger = await openLedger(log, 'raced', { codec: textCodec })
  const seen = new Map<string, string>()
  sayDigests(ledger, new LedgerDigest(ledger), ({ at, digest }) => seen.set(at, digest))
  const told = (await Promise.all(['a', 'b'].map((name) => runLives(rounds, name)))).flat()
  const { head } = await log.bounds()
  await ledger.reached(head)
  const fresh = await openLedger(log, 'raced', { codec: textCodec })
  const report = {
    ...judgeDigests(told, seen),
    ...judgeClaims(told, (key) => ledger.get(key)),
    ...judgeSets(told, (key) => ledger.get(key)),
    isFreshEqual: JSON.stringify(sorted(fresh)) === JSON.stringify(sorted(ledger)),
    elapsedMs: performance.now() - begun,
  }
  await log.close()
  return report
}

function sorted(ledger: { entries(): readonly { key: string; value: string }[] }): unknown {
  return ledger
    .entries()
    .map(({ key, value }) => `${key}=${value}`)
    .sort()
}

/** All lines of all lives of one process. */
async function runLives(
  { directory, sets, claims, kills, linesBeforeKill }: LedgerRounds,
  name: string,
): Promise<readonly Line[]> {
  const lines: Line[] = []
  for (let life = 0; life <= kills; life++) {
    const isLast = life === kills
    const count = isLast ? sets : 1_000_000_000
    const args = [directory, `${name}${life}`, String(count), String(claims)]
    const child = startChild('ledger-writer.ts', args)
    try {
      if (isLast) await child.line((line) => line === 'done')
      else {
        await waitForSets(child, linesBeforeKill)
        child.process.kill('SIGKILL')
      }
      child.process.stdin?.end('go on\n')
    } finally {
      if (!isLast) child.process.kill('SIGKILL')
      await child.ended
    }
    for (const line of child.lines)
      if (typeof line === 'object' && line !== null) lines.push({ ...line })
  }
  return lines
}

/** A killed process has its say on how far it came by its acknowledged sets. */
async function waitForSets(child: Child, count: number): Promise<void> {
  let looked = 0
  let found = 0
  await child.line(() => {
    for (; looked < child.lines.length; looked++) {
      const line = child.lines[looked]
      if (typeof line === 'object' && line !== null && 'acknowledged' in line) found += 1
    }
    return found >= count
  })
}

function judgeDigests(
  told: readonly Line[],
  seen: ReadonlyMap<string, string>,
): Pick<LedgerReport, 'compared' | 'differing'> {
  const both = told.filter(({ at }) => typeof at === 'string' && seen.has(at))
  const differing = both
    .filter(({ at, digest }) => seen.get(String(at)) !== digest)
    .map(({ at, digest }) => `${String(at)}: ${String(digest)}, here ${seen.get(String(at))}`)
  return { compared: both.length, differing }
}

function judgeClaims(
  told: readonly Line[],
  find: (key: string) => string | undefined,
): Pick<LedgerReport, 'claimed' | 'disputed'> {
  const claims = told.filter(({ claim }) => claim !== undefined)
  const winners = new Map<unknown, unknown>()
  const disputed: string[] = []
  for (const { claim, isWon, value } of claims) {
    if (isWon === true && winners.has(claim)) disputed.push(`${String(claim)} is won twice`)
    if (isWon === true) winners.set(claim, value)
    if (find(`claim/${String(claim)}`) !== value)
      disputed.push(`${String(claim)} is told as ${String(value)}`)
  }
  return { claimed: new Set(claims.map(({ claim }) => claim)).size, disputed }
}

function judgeSets(
  told: readonly Line[],
  find: (key: string) => string | undefined,
): Pick<LedgerReport, 'acknowledged' | 'missing'> {
  const newest = new Map<string, number>()
  let acknowledged = 0
  for (const { acknowledged: key, index } of told) {
    if (typeof key !== 'string') continue
    acknowledged += 1
    newest.set(key, Math.max(newest.get(key) ?? 0, Number(index)))
  }
  const missing = [...newest].flatMap(([key, index]) => {
    const value = find(key)
    return Number(value?.split(':')[1]) >= index ? [] : [`${key}: ${value}, acknowledged ${index}`]
  })
  return { acknowledged, missing }
}
