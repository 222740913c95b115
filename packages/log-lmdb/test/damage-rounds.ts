// Rounds of damage: each damages a copy of a log in one way, and has a process of its own open it.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '@tidemark/log'
import { createFakeClock, createRandom } from '@tidemark/testkit'
import { startChild } from './children/start-child.ts'
import type { Child } from './children/start-child.ts'
import { appendSample, damages, digestLog, readData, sampleRetention } from './damaged-log.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'
import { losses, soundLoss, takeLoss } from './power-loss.ts'

export interface DamageReport {
  /** By kind of damage: how often it was told, and how often the log was served as it was. */
  readonly figures: Readonly<Record<string, { told: number; exact: number }>>
  /** Rounds that went wrong, with what was seen. */
  readonly violations: readonly string[]
}

interface Probe {
  readonly directory: string
  readonly digest?: string
  readonly code?: string
  readonly message?: string
}

interface Sample {
  /** A state that the log was in, which a process may serve. */
  readonly digests: ReadonlySet<string>
  readonly states: readonly Buffer[]
  /** Of a log under `commit`, each as a stop of the machine leaves it. */
  readonly torn: readonly Buffer[]
}

/** In this order rounds take them. */
export const harms: readonly string[] = [...Object.keys(damages), ...Object.keys(losses)]

export async function runDamageRounds(size: {
  readonly seed: number
  readonly rounds: number
}): Promise<DamageReport> {
  const random = createRandom(size.seed)
  const base = await makeDirectory()
  const figures: Record<string, { told: number; exact: number }> = {}
  const violations: string[] = []
  let child: Child | undefined
  try {
    const sample = await makeSample(base, random)
    for (let round = 0; round < size.rounds; round++) {
      const name = harms[round % harms.length] ?? ''
      const directory = join(base, `round-${round}`)
      damageCopy(directory, sample, { name, random })
      child ??= startChild('prober.ts', [])
      const seen = await probe(child, directory)
      if (typeof seen === 'string') child = undefined
      const figure = (figures[name] ??= { told: 0, exact: 0 })
      const verdict = judge(name, seen, sample.digests)
      if (verdict === 'told' || verdict === 'exact') figure[verdict] += 1
      else violations.push(`seed ${size.seed}, round ${round}, ${name}: ${verdict}`)
      if (verdict === 'told' || verdict === 'exact') rmSync(directory, { recursive: true })
    }
    return { figures, violations }
  } finally {
    child?.process.stdin?.end()
    await child?.ended
    if (violations.length === 0) await removeDirectory(base)
  }
}

async function makeSample(base: string, random: ReturnType<typeof createRandom>): Promise<Sample> {
  const [states, torn]: [Buffer[], Buffer[]] = [[], []]
  const digests = new Set<string>()
  for (const durability of ['fsync', 'commit'] as const) {
    const directory = join(base, durability)
    // No sweep between a state and its digest.
    const clock = createFakeClock()
    const log = await openAt(directory, { durability, retention: sampleRetention, clock })
    for (let i = 0; i < 150; i++) {
      const appended = appendSample(log, random, i)
      if (durability === 'commit' && i > 50) torn.push(...(await takeLosses(directory, appended)))
      await appended
      clock.advance(500)
      digests.add(await digestLog(log))
      if (durability === 'fsync' && i > 50 && i % 12 === 0) states.push(readData(directory))
    }
    await log.sweep()
    digests.add(await digestLog(log))
    await log.close()
    if (durability === 'fsync') states.push(readData(directory))
  }
  return { states, torn, digests }
}

/**
 * The file that a stop of the machine would leave during a commit, which is visible before it is
 * flushed.
 */
async function takeLosses(directory: string, onItsWay: Promise<void>): Promise<readonly Buffer[]> {
  const losses: Buffer[] = []
  const state = { isDone: false }
  void onItsWay.finally(() => (state.isDone = true))
  while (!state.isDone) {
    const loss = takeLoss(directory)
    if (loss !== undefined) losses.push(loss.data)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return losses
}

function damageCopy(
  directory: string,
  { states, torn }: Sample,
  { name, random }: { readonly name: string; readonly random: ReturnType<typeof createRandom> },
): void {
  const [last = Buffer.alloc(0), ...before] = states.toReversed()
  const data =
    losses[name]?.(Buffer.from(random.pick(torn)), random) ??
    damages[name]?.(Buffer.from(last), random.pick(before), random)
  if (data === undefined) throw new Error(`There is no damage ${name}.`)
  mkdirSync(directory)
  writeFileSync(join(directory, 'data.mdb'), data)
  // That it was a log which events were appended to; without it the file itself must say so, if
  // there is enough of it.
  if (random.int(1) === 0 || data.length < wakelessBytesMin)
    writeFileSync(join(directory, 'wake'), '.')
}

/** A first page and one of a tree. */
const wakelessBytesMin = 4 * 4_096

/** A hundred times what the slowest answer takes. */
const probeMsMax = 60_000

async function probe(child: Child, directory: string): Promise<Probe | 'hangs' | 'died'> {
  child.process.stdin?.write(`${directory}\n`)
  const isOf = (line: unknown): boolean =>
    typeof line === 'object' && line !== null && 'directory' in line && line.directory === directory
  let isHanging = false
  const limit = systemClock.after(probeMsMax, () => {
    isHanging = true
    child.process.kill('SIGKILL')
  })
  try {
    return (await child.line(isOf)) as Probe
  } catch {
    return isHanging ? 'hangs' : 'died'
  } finally {
    limit.cancel()
  }
}

function judge(name: string, seen: Probe | 'hangs' | 'died', digests: ReadonlySet<string>): string {
  if (typeof seen === 'string') return `the process ${seen}`
  if (seen.digest !== undefined)
    return digests.has(seen.digest) ? 'exact' : 'it serves something else'
  if (name === soundLoss) return `a sound log is refused: ${seen.message}`
  if (seen.code !== 'LOG_DAMAGED') return `${seen.code}: ${seen.message}`
  return seen.message?.includes('tidemark restore') === true ? 'told' : `says ${seen.message}`
}
