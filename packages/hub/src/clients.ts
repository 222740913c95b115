// Which address each request comes from, whether it is let in, and what is remembered of it.

import {
  AddressGate,
  Denials,
  SuspicionGatherer,
  countingKey,
  findBrokenRule,
  findClientAddress,
  parseIpAddress,
  readAddressList,
  refuseBroken,
} from '@tidemark/access/hub'
import type {
  HubCounts,
  IpAddress,
  ProxyTrust,
  RequestRules,
  SuspicionKind,
} from '@tidemark/access/hub'
import type { Clock, EventLog } from '@tidemark/log'
import { CodedError, setClientAddress } from '@tidemark/server/hub'
import { describeRequest } from '@tidemark/server/node'
import type { NodeRequest } from '@tidemark/server/node'
import type { HubConfig } from './config/hub-config.ts'
import { formatDuration } from './config/units.ts'
import { clientLineMs } from './config/limits.ts'
import { RareLines } from './rare-lines.ts'

export interface ClientsOptions {
  readonly config: Pick<HubConfig, 'addresses' | 'requests'>
  readonly log: EventLog
  readonly counts: HubCounts
  readonly clock: Clock
  readonly say: (text: string) => void
  readonly onError: (error: unknown) => void
}

/** Paths that load balancers ask for, with whatever headers they have. */
export const probePaths: ReadonlySet<string> = new Set(['/health', '/livez', '/readyz'])

/**
 * Refusals that are no sign of an attacker. A page brings some upon its visitor, who did nothing. The token
 * of an honest client runs out, and its signature was good. A topic is busy by what others publish.
 */
const harmlessFaults: ReadonlySet<string> = new Set([
  'CROSS_SITE',
  'HOST_FOREIGN',
  'TOKEN_EXPIRED',
  'TOPIC_RATE_LIMITED',
])

/** The clients of one process of a hub. */
export class Clients {
  readonly denials: Denials
  readonly #trust: ProxyTrust
  readonly #gate: AddressGate
  readonly #rules: RequestRules | undefined
  readonly #gatherer: SuspicionGatherer
  readonly #options: ClientsOptions
  readonly #bans: RareLines
  readonly #broken: RareLines
  /** Whether a refused request has named a proxy that is not trusted. */
  #isForwarded = false

  private constructor(options: ClientsOptions, denials: Denials) {
    const { config, clock, say } = options
    const { addresses, requests } = config
    const proxies = readAddressList('addresses.trustProxy', addresses.trustProxy)
    this.#options = options
    this.denials = denials
    this.#trust = { proxies, header: addresses.proxyHeader }
    this.#gate = new AddressGate({
      allow: readAddressList('addresses.allow', addresses.allow),
      deny: readAddressList('addresses.deny', addresses.deny),
      proxies,
      denials,
    })
    const hasRules = requests.headers !== 'off' || requests.userAgent !== 'off'
    this.#rules = hasRules ? requests : undefined
    this.#gatherer = new SuspicionGatherer({ clock, tell: (seen) => void this.#tell(seen) })
    this.#bans = new RareLines({ clock, say, pauseMs: clientLineMs })
    this.#broken = new RareLines({ clock, say, pauseMs: clientLineMs })
  }

  /** Reads which addresses are denied and banned now. */
  static async open(options: ClientsOptions): Promise<Clients> {
    const { log, clock, onError } = options
    return new Clients(options, await Denials.open(log, { clock, onError }))
  }

  /** The address of a request, for all who ask for it from now on. Undefined where it has none. */
  find(request: NodeRequest): IpAddress | undefined {
    const facts = describeRequest(request)
    const { address: peer } = facts
    const address = findClientAddress(peer, (name) => facts.header(name), this.#trust)
    if (address !== undefined && address.text !== peer) setClientAddress(request, address.text)
    return address
  }

  /**
   * Lets an address in, or not.
   * @throws AccessError `ADDRESS_DENIED`
   */
  check(address: IpAddress | undefined): void {
    this.#gate.check(address)
  }

  /**
   * Holds a request to the rules that are set.
   * @throws AccessError `REQUEST_SUSPICIOUS`
   */
  checkRules(request: NodeRequest, address: IpAddress | undefined, path: string): void {
    if (this.#rules === undefined || probePaths.has(path)) return
    const facts = describeRequest(request)
    const broken = findBrokenRule((name) => facts.header(name), this.#rules)
    if (broken === undefined) return
    this.#note(address, broken.kind)
    const from = address === undefined ? 'a client' : countingKey(address)
    this.#broken.say(`A request of ${from} breaks a rule. ${broken.detail}`)
    if (broken.mode === 'refuse') refuseBroken(broken)
  }

  /** Counts an answer that refuses. */
  noteAnswer(
    request: NodeRequest,
    {
      address,
      status,
      fault,
    }: {
      readonly address: IpAddress | undefined
      readonly status: number
      readonly fault?: unknown
    },
  ): void {
    if (status !== 401 && status !== 403 && status !== 429) return
    if (fault instanceof CodedError && harmlessFaults.has(fault.code)) return
    if (isOfAnotherPage(request)) return
    this.#isForwarded ||= ['forwarded', 'x-forwarded-for'].some((name) => name in request.headers)
    this.#note(address, 'refused')
  }

  close(): void {
    this.#gatherer.flush()
    this.denials.close()
  }

  #note(address: IpAddress | undefined, kind: SuspicionKind): void {
    if (address !== undefined) this.#gatherer.note(countingKey(address), kind)
  }

  async #tell(seen: Parameters<HubCounts['report']>[0]): Promise<void> {
    const { counts, onError } = this.#options
    try {
      for (const key of await counts.report(seen)) await this.#ban(key)
    } catch (error) {
      onError(error)
    }
  }

  async #ban(key: string): Promise<void> {
    const { config, clock } = this.#options
    const { banAfter, banFor, trustProxy } = config.addresses
    const address = parseIpAddress(key.split('/', 1)[0] ?? '')
    if (address === undefined || !this.#gate.mayBan(address)) return
    const reason = `refused ${banAfter} times within ${formatDuration(banFor)}`
    if (!(await this.denials.ban(key, reason, clock.now() + banFor))) return
    const hint =
      this.#isForwarded && trustProxy.length === 0
        ? ' Requests come through a proxy: if that is yours, name it in addresses.trustProxy.'
        : ''
    this.#bans.say(`${key} is banned for ${formatDuration(banFor)}: ${reason}.${hint}`)
  }
}

/**
 * Whether a page of another site has sent a request, as its browser says: it could have its visitor banned. A
 * page cannot send an Authorization header of its own here.
 */
function isOfAnotherPage({ headers }: NodeRequest): boolean {
  const site = headers['sec-fetch-site']
  return (site === 'cross-site' || site === 'same-site') && headers.authorization === undefined
}
