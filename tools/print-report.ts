// The report of the long tests of crashes and load, at their end.

/** Something that must not have happened to a subscriber. */
interface ToldViolation {
  readonly kind?: string
  readonly subscriber: string
  readonly text: string
}

interface Report {
  readonly figures: object
  readonly violations: readonly ToldViolation[]
  /** The end of what the hubs have written. */
  readonly output: string
}

const toldMax = 50

/** Prints figures and violations, and what the hubs have written where there are any. */
export function printReport({ figures, violations, output }: Report, ms: number): void {
  const say = (name: string, value: string): void => console.log(`${name.padEnd(18)}${value}`)
  for (const [name, value] of Object.entries(figures)) {
    say(name, (value as number).toLocaleString('en'))
  }
  say('seconds', (ms / 1_000).toFixed(1))
  const kinds = Map.groupBy(violations, ({ kind }) => kind ?? '')
  const counts = [...kinds].map(([kind, { length }]) => `${length} ${kind}`.trimEnd())
  say('violations', violations.length === 0 ? '0' : counts.join(', '))
  for (const { kind, subscriber, text } of violations.slice(0, toldMax)) {
    console.log(`  ${kind === undefined ? '' : `${kind}: `}${subscriber}: ${text}`)
  }
  if (violations.length > 0) console.log(output)
}
