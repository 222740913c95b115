// Explains a request: the credential by the code that checks it, each wish by the code that permits it.

import { hasWildcard, parsePattern, parseTopic } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import type { Action, Grant, PlainRequest, RequestFacts } from '@tidemark/server'
import { CodedError, createPermit, plainRequest, translateLogError } from '@tidemark/server/hub'
import type { Permit } from '@tidemark/server/hub'
import { quote, quoteValue } from '@tidemark/wire/values'
import { AccessError } from '../errors.ts'
import { explainedWishesMax } from '../limits.ts'
import { readList, readMembers } from '../read-members.ts'
import type { Explanation, Wishes } from './explanation.ts'
import { StepRecorder } from './steps.ts'
import type { Steps } from './steps.ts'

/** The parts of an access that explaining needs. */
export interface ExplainHost {
  /** The check that `authorize` makes, without its effects. */
  readonly foresee: (request: PlainRequest, steps?: Steps) => Promise<Grant>
  readonly clock: Clock
}

/** One thing that a request would do. */
interface Wish {
  readonly name: 'permission' | 'publish' | 'read' | 'subscribe'
  readonly action: Action
  readonly text: string
}

/**
 * Makes every check of a request, in order, and says how each went. `url` and headers are those of the
 * request; `wishes` is what it would do.
 * @throws AccessError `ACCESS_OPTION_INVALID`, and what is no refusal: a fault of the application
 */
export async function explain(
  host: ExplainHost,
  facts: RequestFacts,
  given: Wishes = {},
): Promise<Explanation> {
  const wishes = readWishes(given)
  const recorder = new StepRecorder()
  const grant = await findGrant(host, facts, recorder)
  if (grant !== undefined)
    for (const wish of wishes) await judge(host, { grant, facts, wish }, recorder)
  const { checks } = recorder
  return { isAllowed: checks.every(({ isPassed }) => isPassed), checks, grant }
}

/** Undefined where the request is refused as a whole. */
async function findGrant(
  host: ExplainHost,
  facts: RequestFacts,
  recorder: StepRecorder,
): Promise<Grant | undefined> {
  const authorize = (request: PlainRequest): Promise<Grant> => host.foresee(request, recorder)
  try {
    const grant = await permitOf(host, authorize).review(plainRequest(facts, 'subscribe', []))
    recorder.pass()
    return grant
  } catch (error) {
    recorder.fail(error)
    return undefined
  }
}

async function judge(
  host: ExplainHost,
  {
    grant,
    facts,
    wish,
  }: { readonly grant: Grant; readonly facts: RequestFacts; readonly wish: Wish },
  recorder: StepRecorder,
): Promise<void> {
  const { name, action, text } = wish
  recorder.begin(name, () => describeGranted(wish, grant))
  // Asked anew: what a credential is good for may differ from wish to wish.
  const permit = permitOf(host, (request) => host.foresee(request))
  try {
    if (name === 'permission') await permit.requirePermission(facts, text)
    else await permit.ask(plainRequest(facts, action, [parseName(wish)]))
    recorder.pass()
  } catch (error) {
    const refusal = translateLogError(error)
    recorder.fail(refusal, adviseMore(refusal, wish))
  }
}

function permitOf(
  { clock }: ExplainHost,
  authorize: (request: PlainRequest) => Grant | Promise<Grant>,
): Permit {
  // A fault is told as the refusal that the client gets.
  const permit = createPermit(authorize, { clock, onError: () => undefined })
  if (permit === undefined) throw new Error('A permit of an authorize is one.')
  return permit
}

/** As the routes read it: patterns are for subscriptions. */
function parseName({ name, text }: Wish): string {
  return name === 'subscribe' && hasWildcard(text) ? parsePattern(text) : parseTopic(text)
}

function describeGranted({ name, text }: Wish, grant: Grant): string {
  const holder = grant.user === undefined ? 'A visitor' : `The user ${quote(grant.user)}`
  if (name === 'permission') return `${holder} has the permission ${quote(text)}.`
  return `${holder} may ${verbs[name]} ${quote(text)}.`
}

/** Advice that the refusal of a client leaves out, because it is for the issuer of the token. */
function adviseMore(refusal: unknown, { name, text }: Wish): string | undefined {
  const code = refusal instanceof CodedError ? refusal.code : undefined
  if (code === 'TOPIC_INVALID')
    return 'Name a topic such as orders/42, or a pattern such as orders/*.'
  if (code !== 'TOPIC_FORBIDDEN' && code !== 'PERMISSION_MISSING') return undefined
  const member = name === 'read' ? 'subscribe' : name === 'permission' ? 'permissions' : name
  return `A token gives it with ${JSON.stringify({ [member]: [text] })} in its grant.`
}

const verbs = { publish: 'publish to', read: 'read', subscribe: 'subscribe to' } as const

const wishNames = [
  ['subscribe', 'subscribe', 'subscribe'],
  ['publish', 'publish', 'publish'],
  ['read', 'read', 'read'],
  ['permissions', 'permission', 'admin'],
] as const

const code = 'ACCESS_OPTION_INVALID'

function readWishes(given: Wishes): readonly Wish[] {
  const members = readMembers(
    given,
    wishNames.map(([member]) => member),
    { code, what: 'The wishes to explain' },
  )
  const wishes = wishNames.flatMap(([member, name, action]) => {
    const { [member]: list = [] } = members
    const texts: readonly unknown[] = readList(list, { code, what: member })
    return texts.map((text): Wish => {
      if (typeof text === 'string' && text !== '') return { name, action, text }
      throw new AccessError(
        code,
        `${member} takes texts such as orders/42; got ${quoteValue(text)}. Leave it out, or name one.`,
      )
    })
  })
  if (wishes.length <= explainedWishesMax) return wishes
  throw new AccessError(
    code,
    `Up to ${explainedWishesMax} names can be explained at once; got ${wishes.length}. Ask for fewer.`,
  )
}
