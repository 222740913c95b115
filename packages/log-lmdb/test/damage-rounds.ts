// Rounds of damage: each damages a copy of a log in one way, and has a process of its own open it.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createFakeClock, createRandom } from '@tidemark/testkit'
import { startChild } from './children/start-child.ts'
import type { Child } from './children/start-child.ts'
import { appendSample, damages, digestLog, readData, sampleRetention } from './damaged-log.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

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
  /** What a process may serve: a state that the log was in. */
  readonly digests: ReadonlySet<string>
  readonly states: readonly Buffer[]
}

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
    const sample = await makeSample(join(base, 'sample'), random)
    for (let round = 0; round < size.rounds; round++) {
      const names = Object.keys(damages)
      const name = names[round % names.length] ?? ''
      const directory = join(base, `round-${round}`)
      damageCopy(directory, sample, { name, random })
      child ??= startChild('prober.ts', [])
      const seen = await probe(child, directory)
      if (seen === undefined) child = undefined
      const figure = (figures[name] ??= { told: 0, exact: 0 })
      const verdict = judge(seen, sample.digests)
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

async function makeSample(
  directory: string,
  random: ReturnType<typeof createRandom>,
): Promise<Sample> {
  const states: Buffer[] = []
  const digests = new Set<string>()
  // No sweep between a state and its digest.
  const clock = createFakeClock()
  const log = await openAt(directory, { retention: sampleRetention, clock })
  for (let i = 0; i < 150; i++) {
    await appendSample(log, random, i)
    clock.advance(500)
    digests.add(await digestLog(log))
    if (i > 50 && i % 12 === 0) states.push(readData(directory))
  }
  await log.sweep()
  digests.add(await digestLog(log))
  await log.close()
  return { states: [...states, readData(directory)], digests }
}

function damageCopy(
  directory: string,
  { states }: Sample,
  { name, random }: { readonly name: string; readonly random: ReturnType<typeof createRandom> },
): void {
  const [last = Buffer.alloc(0), ...before] = states.toReversed()
  const damage = damages[name]
  if (damage === undefined) throw new Error(`There is no damage ${name}.`)
  mkdirSync(directory)
  writeFileSync(join(directory, 'data.mdb'), damage(Buffer.from(last), random.pick(before), random))
  // It was a log that events were appended to.
  writeFileSync(join(directory, 'wake'), '.')
}

async function probe(child: Child, directory: string): Promise<Probe | undefined> {
  child.process.stdin?.write(`${directory}\n`)
  const isOf = (line: unknown): boolean =>
    typeof line === 'object' && line !== null && 'directory' in line && line.directory === directory
  try {
    return (await child.line(isOf)) as Probe
  } catch {
    return undefined
  }
}

function judge(seen: Probe | undefined, digests: ReadonlySet<string>): string {
  if (seen === undefined) return 'the process died'
  if (seen.digest !== undefined)
    return digests.has(seen.digest) ? 'exact' : 'it serves something else'
  if (seen.code !== 'LOG_DAMAGED') return `${seen.code}: ${seen.message}`
  return seen.message?.includes('tidemark restore') === true ? 'told' : `says ${seen.message}`
}
