// `tidemark bench`: how much load a Server-Sent Events server takes, ours or any other.

import type { CommandBody, CommandLine } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { print, remark } from '../output.ts'
import { onSignals } from '../signals.ts'
import { benchOptions } from './options.ts'
import { readOutput, readPlan } from './plan.ts'
import { renderReport } from './report.ts'
import { checkReportFile, writeReportFile } from './report-file.ts'
import { runBench } from './run-bench.ts'
import { renderTable } from './table.ts'

/** Tests under load. */
export const bench: CommandBody = {
  usage: '[url] [options]',
  description: `Opens many streams, publishes on schedule, and tells how long events take, which are missing,
doubled or out of order, and what the server used meanwhile.

A URL without a path is a hub's: streams are opened at /events and events published at /topics, on topics of their own.
Any other URL is used as it stands, with {topic} and {i} (the connection's number) replaced; then events are
published only when --publish-url says where, and without it what the server sends by itself is counted.
Without a URL it is the hub of TIDEMARK_URL, else http://127.0.0.1:7070.

Ctrl-C ends the load early and still prints the result. Test servers of your own only.`,
  options: benchOptions,
  examples: [
    'tidemark bench http://127.0.0.1:7070',
    'tidemark bench http://127.0.0.1:7070 --connections 5000 --ramp 2ms --html report.html',
    'tidemark bench https://example.com/feed --connections 200 --duration 1m',
    "tidemark bench 'http://server/sub/{topic}' --publish-url 'http://server/pub/{topic}' --topics 9",
  ],
  run,
}

async function run(line: CommandLine): Promise<ExitCode> {
  const plan = readPlan(line)
  const output = readOutput(line)
  if (output.htmlPath !== undefined) await checkReportFile(output.htmlPath)
  const stop = new AbortController()
  let exitCode: ExitCode = exitCodes.done
  onSignals({
    onStop(code) {
      exitCode = code
      remark('ending early; a second signal ends it without a result.')
      stop.abort()
    },
  })
  const result = await runBench(plan, output, stop.signal)
  if (output.htmlPath !== undefined) {
    await writeReportFile(output.htmlPath, renderReport(result))
    remark(`the report is in ${output.htmlPath}.`)
  }
  await print(output.isJson ? `${JSON.stringify(result)}\n` : renderTable(result))
  if (exitCode !== exitCodes.done) return exitCode
  return result.connections.opened === 0 ? exitCodes.unavailable : exitCode
}
