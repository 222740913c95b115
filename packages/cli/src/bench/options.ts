// The options of `tidemark bench`, as help shows them.

import type { CommandOption } from '../command.ts'
import { headerOption } from '../hub-options.ts'

/** The values of options that are not given. The number of processes depends on the machine. */
export const benchDefaults: Readonly<Record<string, string>> = {
  connections: '1000',
  ramp: '10ms',
  duration: '30s',
  topics: '1',
  rate: '10',
  payload: '128',
  'report-every': '10s',
}

/** All of them. */
export const benchOptions: readonly CommandOption[] = [
  { name: 'connections', value: '<n>', help: 'Streams to open.' },
  { name: 'ramp', value: '<time>', help: 'Time between two connections being opened.' },
  {
    name: 'duration',
    value: '<time>',
    help: 'Time under load, from when all connections are open.',
  },
  { name: 'topics', value: '<n>', help: 'Topics the connections are spread over.' },
  {
    name: 'rate',
    value: '<n>',
    help: 'Publishes per second, over all topics. 0 publishes nothing.',
  },
  { name: 'payload', value: '<bytes>', help: 'Data of one event, from 72 bytes on.' },
  headerOption,
  {
    name: 'publish-url',
    value: '<url>',
    help: "Where to publish when <url> is no hub's; {topic} stands for the topic's name.",
  },
  { name: 'publish-method', value: '<method>', help: 'How to publish there.', default: 'POST' },
  {
    name: 'publish-header',
    value: "<'name: value'>",
    isRepeatable: true,
    help: 'A header for publishes only. May be repeated.',
  },
  {
    name: 'publish-body',
    value: '<text>',
    help: "What to publish there; {payload} stands for the event's data.",
    default: '{payload}',
  },
  {
    name: 'processes',
    value: '<n>',
    help: 'Processes that read the streams. Default 2, or 1 on one core.',
  },
  {
    name: 'pid',
    value: '<n>',
    help: "The server's process, whose memory and CPU are watched with its children's. On Linux a local server is found by its port.",
  },
  { name: 'report-every', value: '<time>', help: 'Time between lines of progress off a terminal.' },
  {
    name: 'html',
    value: '<file>',
    help: 'Write a report with charts, one file that works offline.',
  },
  { name: 'json', help: 'Print the result as one JSON document; docs/bench.md describes it.' },
].map((option) => ({ default: benchDefaults[option.name], ...option }))
