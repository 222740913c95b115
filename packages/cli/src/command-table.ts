// All commands, in the order of the help.

import type { Command, CommandBody, CommandName } from './command.ts'

/**
 * A command that is loaded when it is asked for: a hub takes 0.1 s to load, which `publish` in a loop
 * shall not pay.
 */
interface CommandEntry extends CommandName {
  readonly load: () => Promise<CommandBody>
}

/** The commands of the program. */
export const commandTable: readonly CommandEntry[] = [
  {
    name: 'serve',
    summary: 'Start a hub: a durable Server-Sent Events server.',
    load: async () => (await import('./serve.ts')).serve,
  },
  {
    name: 'config',
    summary: 'Print the settings in force, and where each value comes from.',
    load: async () => (await import('./config.ts')).config,
  },
  {
    name: 'publish',
    summary: 'Publish one event, or every line of standard input.',
    load: async () => (await import('./publish.ts')).publish,
  },
  {
    name: 'subscribe',
    summary: 'Print events as they happen, or from the history on.',
    load: async () => (await import('./subscribe.ts')).subscribe,
  },
  {
    name: 'send',
    summary: 'Send one event to sessions, users, a label, a pattern or everyone.',
    load: async () => (await import('./send.ts')).send,
  },
  {
    name: 'schedule',
    summary: 'Have an event published later; list, show or cancel those that wait.',
    load: async () => (await import('./schedule.ts')).schedule,
  },
  {
    name: 'delete',
    summary: 'End the value of a key, in a topic that keeps the latest of each.',
    load: async () => (await import('./delete-key.ts')).deleteKey,
  },
  {
    name: 'token',
    summary: 'Sign a new token, or check one.',
    load: async () => (await import('./access/token.ts')).token,
  },
  {
    name: 'explain',
    summary: 'Say why a token may do something here, or why not.',
    load: async () => (await import('./access/explain.ts')).explain,
  },
  {
    name: 'rules',
    summary: 'Show the rules for topics of a running hub, or replace them.',
    load: async () => (await import('./rules.ts')).rules,
  },
  {
    name: 'consumers',
    summary: 'Show where the devices of a user stand, set one back, or delete it.',
    load: async () => (await import('./consumers.ts')).consumers,
  },
  {
    name: 'presence',
    summary: 'Show who is in a topic of a running hub.',
    load: async () => (await import('./presence.ts')).presence,
  },
  {
    name: 'backup',
    summary: 'Write a backup of a data directory, also of one a hub is running on.',
    load: async () => (await import('./backup.ts')).backup,
  },
  {
    name: 'restore',
    summary: 'Put a backup in the place of a data directory.',
    load: async () => (await import('./restore.ts')).restore,
  },
  {
    name: 'check',
    summary: 'Look through a data directory or a backup for damage.',
    load: async () => (await import('./check.ts')).check,
  },
  {
    name: 'bench',
    summary: 'Put a Server-Sent Events server under load, ours or any other.',
    load: async () => (await import('./bench/bench.ts')).bench,
  },
]

/** Loads a command. Each one has `--help`. */
export async function loadCommand({ name, summary, load }: CommandEntry): Promise<Command> {
  const body = await load()
  return {
    ...body,
    name,
    summary,
    options: [...body.options, { name: 'help', help: 'This text.' }],
  }
}
