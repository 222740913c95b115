// Values that no signature allows, and that a caller written in JavaScript hands in all the same.

/** A name for each, and how to make it: some can be used up. */
export const oddValues: Readonly<Record<string, () => unknown>> = {
  'a number': () => 7,
  'no number': () => Number.NaN,
  null: () => null,
  true: () => true,
  'a bigint': () => 7n,
  'a symbol': () => Symbol('odd'),
  'empty text': () => '',
  'an object': () => ({}),
  'an object without a prototype': () => Object.create(null) as unknown,
  'an array': () => [],
  'an array of symbols': () => [Symbol('odd')],
  'a function': () => () => undefined,
  'a date': () => new Date(0),
  'a text object': () => Object('text') as unknown,
  'an object that throws when it is looked at': () => throwing(),
  'a proxy that is revoked': () => revoked(),
}

/** The effect of each odd value on an argument. */
export interface OddCase {
  readonly call: (value: unknown) => unknown
  /** The one code that it is refused with. */
  readonly code: string
  /** The odd values that are none here, by their names. */
  readonly takes?: readonly string[]
  /** The code of some that are refused for another reason, by their names. */
  readonly but?: Readonly<Record<string, string>>
}

/**
 * The outcome of a call with each odd value: `taken`, the code of the room's error, or any other
 * error. `errorName` and not the class: a room's own tests have two of it.
 */
export async function tryOddValues(
  { call }: OddCase,
  errorName: string,
): Promise<Readonly<Record<string, string>>> {
  const outcomes: Record<string, string> = {}
  for (const [name, make] of Object.entries(oddValues)) {
    try {
      await call(make())
      outcomes[name] = 'taken'
    } catch (error) {
      outcomes[name] = readCode(error, errorName) ?? `bare ${describe(error)}`
    }
  }
  return outcomes
}

/** The outcomes that `tryOddValues` must give. */
export function expectedOutcomes(odd: OddCase): Readonly<Record<string, string>> {
  const { code, takes = [], but = {} } = odd
  return Object.fromEntries(
    Object.keys(oddValues).map((name) => [
      name,
      takes.includes(name) ? 'taken' : (but[name] ?? code),
    ]),
  )
}

/** An object like `good`, with one member that throws when it is read. */
export function withThrowing<Good extends object>(good: Good, member: string): Good {
  return Object.defineProperty({ ...good }, member, {
    enumerable: true,
    get() {
      throw new Error(`reading ${member}`)
    },
  })
}

function throwing(): object {
  const fail = (): never => {
    throw new Error('looked at')
  }
  return new Proxy(
    {},
    { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail, getOwnPropertyDescriptor: fail },
  )
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

function readCode(error: unknown, errorName: string): string | undefined {
  if (!(error instanceof Error) || error.name !== errorName || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : 'value'
}
