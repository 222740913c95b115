// Which room may import which, as data: the table of ARCHITECTURE.md, "Rooms".

/** The rights of one room. */
export interface RoomRule {
  /** Rooms whose names may appear in its imports and in its package.json. Complete, types included. */
  readonly mayImport: readonly string[]
  /** Whether npm packages of others may be dependencies. */
  readonly npm: boolean
  /** Where `node:` modules may be imported: nowhere, in the named folders of `src`, or anywhere. */
  readonly node: false | true | readonly string[]
}

const bindings: RoomRule = { mayImport: ['client'], npm: true, node: false }
const driver: RoomRule = { mayImport: ['log'], npm: true, node: true }

/** Rooms in the order of their layers: a room may import only rooms that stand before it. */
export const layering: Readonly<Record<string, RoomRule>> = {
  wire: { mayImport: [], npm: false, node: false },
  log: { mayImport: [], npm: false, node: false },
  server: { mayImport: ['wire', 'log'], npm: false, node: ['node'] },
  client: { mayImport: ['wire'], npm: false, node: false },
  'log-lmdb': driver,
  'log-redis': driver,
  'log-nats': driver,
  access: { mayImport: ['wire', 'log', 'server'], npm: true, node: true },
  react: bindings,
  vue: bindings,
  angular: bindings,
  testing: { mayImport: ['wire'], npm: true, node: true },
  ai: { mayImport: ['log', 'wire', 'server', 'client'], npm: true, node: false },
  hub: {
    mayImport: [
      'wire',
      'log',
      'server',
      'client',
      'log-lmdb',
      'log-redis',
      'log-nats',
      'access',
      'react',
      'vue',
      'angular',
      'ai',
    ],
    npm: true,
    node: true,
  },
  dashboard: { mayImport: ['client', 'react'], npm: true, node: false },
  cli: { mayImport: ['client', 'wire', 'hub'], npm: true, node: true },
  testkit: {
    mayImport: ['wire', 'log', 'server', 'client', 'log-lmdb', 'access', 'hub', 'cli'],
    npm: true,
    node: true,
  },
}

/** Rooms that may see the inside of positions, through `@tidemark/log/driver`. */
export const driverRooms: readonly string[] = ['log-lmdb', 'log-redis', 'log-nats', 'testkit']

/** The only package whose name is not `@tidemark/<room>`: the command line, so that `npx tidemark` works. */
export const cliPackageName: string = 'tidemark'

/** Lines of a source file. One noun per file reads in one sitting; past this it is two. */
export const fileLinesMax: number = 400
