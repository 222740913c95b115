// A wave of connects: very many sessions at once, one event to all, and the deaths of a worker and of
// the supervising process.
//
// Run: npm run build && npm run bench -- many
//
// A hub of several workers runs on an empty directory. Processes in C have clients that do as
// EventSource does (many/wave.c). All connect in one moment, come back when they are cut, and give up
// for good on any status but 200. Measured is how long it takes until all are open (`tidemark.ready`
// read), and the growth of the hub's proportional set size per session. One event goes to all. Then a
// worker is killed by `kill -9`, and the supervising process, which is started again at once. The
// figures are how long all need to come back. An event published while they are away must reach each of
// them once. Ends with 1 if any client fails for good, stays away, or misses or doubles an event. How
// many can wait at one time is up to the machine: `net.core.somaxconn` in the kernel's queue, and
// `ulimit -Hn` in the supervising process. The kernel of a client that finds no place tries again,
// after 1 s four times, then 2, 4, 8 … 64 s. With a queue for all, in a network of its own:
//   unshare -n sh -c 'ip link set lo up; sysctl -w net.core.somaxconn=65535; npm run bench -- many'
// `--sessions=99000`, `--workers=6`, `--loads=6` processes of clients, `--max-sessions=110000`,
// `--seconds=180` at most for each step.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { listChildren, readCpu, readMemory, startHubProcess, waitUntil } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'
import { Crowd } from './many/crowd.ts'
import { buildC } from './peers/build-c.ts'
import { readFlag } from './support/flags.ts'
import { withDirectory } from './support/directory.ts'
import { whole } from './support/statistics.ts'

const sessions = Number(readFlag('sessions') ?? 99_000)
const workers = Number(readFlag('workers') ?? 6)
const processes = Number(readFlag('loads') ?? 6)
const sessionsMax = Number(readFlag('max-sessions') ?? Math.ceil((sessions * 10) / 9))
const stepMsMax = Number(readFlag('seconds') ?? 180) * 1_000
/** Files of a process that are no connections, generously. */
const spareFiles = 200

/** The limits that this machine must allow before anything is measured. */
function checkMachine(): void {
  const faults: string[] = []
  const need = (what: string, got: number, needed: number): void => {
    if (got < needed) faults.push(`${what} is ${whole(got)}, and ${whole(needed)} are needed`)
  }
  need(
    'ulimit -Hn',
    Number(readFileLimit()),
    Math.ceil(Math.max(sessions / processes, sessions / workers)) + spareFiles,
  )
  const [from = 0, to = 0] = readNumbers('net/ipv4/ip_local_port_range')
  need('The number of ports in net.ipv4.ip_local_port_range', to - from, 20_000)
  need('fs.file-max', readNumbers('fs/file-max')[0] ?? 0, 2 * sessions + 10_000)
  const tracked = readNumbers('net/netfilter/nf_conntrack_max')[0]
  if (tracked !== undefined) need('net.netfilter.nf_conntrack_max', tracked, 2 * sessions)
  if (faults.length > 0) throw new Error(`This machine cannot hold the wave: ${faults.join('; ')}.`)
}

/** The hard limit: the hub and the clients raise theirs to it. */
function readFileLimit(): string {
  return /^Max open files +\S+ +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? ''
}

function readNumbers(path: string): readonly number[] {
  try {
    return readFileSync(`/proc/sys/${path}`, 'utf8').trim().split(/\s+/).map(Number)
  } catch {
    return []
  }
}

let failures = 0

function fail(text: string): void {
  failures += 1
  console.log(`FAILED: ${text}`)
}

/**
 * Waits until a step is done, or its time is up; says how the crowd is meanwhile. Resolves to how long
 * it took, in seconds.
 */
async function waitForCrowd(what: string, crowd: Crowd, isDone: () => boolean): Promise<number> {
  const began = performance.now()
  let saidAt = began
  try {
    await waitUntil(
      what,
      () => {
        if (!crowd.isWhole) throw new Error('A process of clients has ended.')
        if (performance.now() - saidAt > 5_000) {
          saidAt = performance.now()
          const { ready, connecting, asking, away } = crowd.state
          console.log(
            `  … ${whole(ready)} open, ${whole(connecting + asking)} on their way, ${whole(away)} away`,
          )
        }
        return isDone()
      },
      { stallMs: stepMsMax },
    )
  } catch (error) {
    fail(`${String(error)} ${JSON.stringify(crowd.state)}`)
  }
  return (performance.now() - began) / 1_000
}

async function publish(hub: HubProcess, event: number): Promise<bigint> {
  const at = process.hrtime.bigint()
  try {
    // A new connection waits behind a wave; so does this one.
    const answer = await fetch(`${hub.url}/topics/wave`, { method: 'POST', body: `wave ${event}` })
    if (answer.status !== 200) fail(`the publish was answered with ${answer.status}`)
    await answer.arrayBuffer()
  } catch (error) {
    fail(`the publish got no answer: ${String(error)}`)
  }
  return at
}

/** Whether nothing more will come: a client that has failed stays away. */
function isSettled(crowd: Crowd, event?: number): boolean {
  const { ready, failed } = crowd.state
  if (ready + failed < sessions) return false
  return event === undefined || crowd.received(event).count + failed >= sessions
}

async function measureWave(hub: HubProcess, crowd: Crowd): Promise<void> {
  const pid = hub.pid ?? 0
  const before = readMemory([pid]).totalBytes
  const cpuBefore = readCpu([pid])
  const seconds = await waitForCrowd('all are open', crowd, () => isSettled(crowd))
  const cpu = readCpu([pid])
  const cpuSeconds = (cpu.userMs + cpu.systemMs - cpuBefore.userMs - cpuBefore.systemMs) / 1_000
  const { ready, unmade, unanswered, ended, byes, failed } = crowd.state
  console.log(
    `wave: ${whole(ready)} of ${whole(sessions)} open after ${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of the hub's CPU; on the way there ${whole(unmade)} connections were not made, ` +
      `${whole(unanswered)} ended without a byte of an answer, ${whole(ended)} later, ${whole(byes)} goodbyes; ${whole(failed)} refused for good`,
  )
  const grown = readMemory([pid]).totalBytes - before
  console.log(`memory: ${(grown / 1024 / Math.max(1, ready)).toFixed(1)} KB per session`)
}

async function measureEvent(hub: HubProcess, crowd: Crowd, event: number): Promise<void> {
  const at = await publish(hub, event)
  await waitForCrowd('all have the event', crowd, () => isSettled(crowd, event))
  const { count, lastNs } = crowd.received(event)
  console.log(
    `event: ${whole(count)} clients have it, the last one after ${((lastNs - Number(at)) / 1e6).toFixed(0)} ms`,
  )
}

/** After a death: waits until all are open again and have the event of meanwhile. */
async function measureReturn(name: string, crowd: Crowd, event: number): Promise<void> {
  const before = crowd.state
  const seconds = await waitForCrowd('all are back', crowd, () => isSettled(crowd, event))
  const { ready, failed, unanswered, unmade, ended, byes } = crowd.state
  console.log(
    `${name}: ${whole(ready)} open and ${whole(crowd.received(event).count)} with the event of meanwhile after ${seconds.toFixed(1)} s; ` +
      `${whole(ended - before.ended)} connections ended, ${whole(byes - before.byes)} goodbyes, ${whole(unmade - before.unmade)} not made, ` +
      `${whole(unanswered - before.unanswered)} ended without a byte; ${whole(failed)} refused for good`,
  )
}

/** A client that was cut counts as open until it has noticed. */
async function untilNoticed(crowd: Crowd): Promise<void> {
  await waitForCrowd('the clients notice', crowd, () => crowd.state.ready < sessions)
}

async function run(directory: string): Promise<void> {
  const program = await buildC({
    name: 'wave',
    sources: join(import.meta.dirname, 'many'),
    directory: join(directory, 'bin'),
  })
  const dataDirectory = join(directory, 'data')
  const args = [`--workers=${workers}`, `--max-sessions=${sessionsMax}`]
  let hub = await startHubProcess({ dataDirectory, args })
  const crowd = new Crowd(program, { port: hub.port, sessions, processes })
  try {
    await measureWave(hub, crowd)
    await measureEvent(hub, crowd, 0)
    const [worker] = listChildren(hub.pid ?? 0)
    if (worker === undefined)
      throw new Error('The hub has no workers; --workers must be 2 or more.')
    process.kill(worker, 'SIGKILL')
    await untilNoticed(crowd)
    await publish(hub, 1)
    await measureReturn('kill -9 of a worker', crowd, 1)
    const orphans = listChildren(hub.pid ?? 0)
    if (hub.pid !== undefined) process.kill(hub.pid, 'SIGKILL')
    hub = await startHubProcess({ dataDirectory, args, port: hub.port })
    await untilNoticed(crowd)
    await publish(hub, 2)
    await measureReturn('kill -9 of the supervising process', crowd, 2)
    for (const pid of orphans) endOrphan(pid)
    const { failed, statuses, gaps, twice } = crowd.state
    if (failed > 0)
      fail(
        `${whole(failed)} clients were refused for good, with ${[...new Set(statuses)].join(', ')}`,
      )
    if (gaps > 0 || twice > 0) fail(`${whole(gaps)} gaps, ${whole(twice)} events came twice`)
  } finally {
    crowd.end()
    await hub.kill('SIGKILL')
  }
}

/** A worker that is still sending sessions away when there are none left. */
function endOrphan(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has left already.
  }
}

checkMachine()
console.log(
  `net.core.somaxconn ${readNumbers('net/core/somaxconn').join()}, files per process ${readFileLimit()}, net.core.netdev_max_backlog ${readNumbers('net/core/netdev_max_backlog').join()}`,
)
await withDirectory(run)

process.exitCode = failures === 0 ? 0 : 1
