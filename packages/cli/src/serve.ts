// `tidemark serve`: a hub, until a signal asks it to leave.

import process from 'node:process'
import { boundYoungGeneration, findDataDirectory, loadConfig, startHub } from '@tidemark/hub'
import type { Hub, HubConfig } from '@tidemark/hub'
import type { CommandBody, CommandLine } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { print, remark } from './output.ts'
import { readSources, settingOptions } from './setting-options.ts'
import { onSignals } from './signals.ts'

/** Starts a hub. */
export const serve: CommandBody = {
  usage: '[options]',
  description: `Listens, keeps events in a directory, and serves them to whoever subscribes. Prints the URL of its page and
curl lines to try. SIGINT (Ctrl-C), SIGTERM and SIGHUP send all sessions away at a steady pace and end it with 0;
a second signal ends it at once. Killed in any other way, it loses nothing it acknowledged.
With TLS and without a terminal, SIGHUP has it look for a new certificate instead.

Each option has a variable too: --retention-max-age is TIDEMARK_RETENTION_MAX_AGE. The file
tidemark.config.json in the current directory comes first, variables beat it, options beat both;
tidemark config shows which of them a value comes from.`,
  options: settingOptions,
  examples: [
    'tidemark serve',
    'tidemark serve --port 7171 --data /var/lib/tidemark',
    'tidemark serve --retention-max-age 7d --retention-max-bytes 10GiB',
    'tidemark serve --workers 4               # one process per core, one port, one log',
    'tidemark serve --tls-cert cert.pem --tls-key key.pem    # HTTP/2 and HTTP/1.1 over TLS',
    'tidemark serve --tls self-signed    # the same for development, with a certificate of its own',
    'tidemark serve --data memory:    # nothing is kept beyond the process',
    'tidemark serve --host 0.0.0.0 --auth-secret @tidemark.secret    # for those with a token',
  ],
  run,
}

async function run(line: CommandLine): Promise<ExitCode> {
  const config = loadConfig(readSources('serve', line))
  let hub: Hub | undefined
  const stopped = waitForSignal(isReloading(config) ? () => hub?.reload() : undefined)
  hub = await startHub(config, { onLine: remark })
  boundYoungGeneration()
  await print(renderWelcome(hub, config))
  await Promise.race([stopped, hub.failed])
  remark('sending sessions away; a second signal ends it at once.')
  await hub.drain()
  return exitCodes.done
}

function waitForSignal(onHangUp: (() => void) | undefined): Promise<void> {
  return new Promise((resolve) => onSignals({ onStop: () => resolve(), onHangUp }))
}

/**
 * Whether SIGHUP asks for a look at the certificate, as supervisors send it. A hub in a terminal gets it when
 * the terminal is closed, and must not stay behind.
 */
function isReloading({ tls }: HubConfig): boolean {
  const { stdin, stdout, stderr } = process
  return tls !== undefined && ![stdin, stdout, stderr].some(({ isTTY }) => isTTY)
}

/**
 * Lines that work when pasted. Zero stands for every address, which is none to connect to on some
 * systems.
 */
function renderWelcome({ url: listening, isLocked }: Hub, config: HubConfig): string {
  const { data, workers, tls } = config
  const url = listening.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:')
  const who = isLocked ? ', and asks who is there' : ''
  const token = isLocked ? '-H "Authorization: Bearer $TOKEN" ' : ''
  const curl = tls?.source === 'self-signed' ? 'curl -k' : 'curl'
  return `Tidemark is listening${who}. Its page: ${url}/

  subscribe   ${curl} -N ${token}'${url}/events?topic=demo'
  publish     ${curl} -d 'hello' ${token}'${url}/topics/demo'

Events are kept in ${findDataDirectory(data) ?? 'memory, until the process ends'}. ${workers === 1 ? '' : `${workers} workers serve them. `}Ctrl-C stops the hub.
`
}
