// The server under test: where streams are opened and where events are published, with `{topic}` and `{i}` to
// fill in.

/**
 * A subscription's request and, when there is one, the publisher's. Plain data: it is handed to other
 * processes.
 */
export interface Target {
  /** As given, for the report. */
  readonly url: string
  /** Whether it is taken for a Tidemark hub, whose paths are known. */
  readonly isHub: boolean
  /** May hold `{topic}` and `{i}`, the connection's number. */
  readonly streamUrl: string
  readonly streamHeaders: readonly (readonly [string, string])[]
  /** The IP address that answered the first try, so that a thousand connections do not ask for it again. */
  readonly address?: string | undefined
  readonly publish?: PublishTarget | undefined
}

/** How one event is published. */
export interface PublishTarget {
  /** May hold `{topic}`. */
  readonly url: string
  readonly method: string
  readonly headers: readonly (readonly [string, string])[]
  /** May hold `{topic}`; holds `{payload}`. */
  readonly body: string
}

/**
 * The name of one of the run's topics: one segment of letters, digits and hyphens, which is a name
 * everywhere.
 */
export function nameTopic(runId: string, topic: number): string {
  return `tidemark-bench-${runId}-${topic}`
}

/** `template` with `{topic}`, `{i}` and so on replaced. */
export function fillTemplate(
  template: string,
  values: Readonly<Record<string, string | number>>,
): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

/** Whether the template has the placeholder. */
export function hasPlaceholder(template: string, name: string): boolean {
  return template.includes(`{${name}}`)
}
