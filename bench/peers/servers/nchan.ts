// Nchan: the publish-subscribe module of nginx, written in C.

import { writeFileSync } from 'node:fs'
import { findFreePort } from '@tidemark/testkit'
import type { PeerServer, Prepared, RunningPeer, StartOptions } from '../server.ts'
import { startServerProcess } from '../server-process.ts'
import { findDebianPackages } from './debian-packages.ts'
import { getRequest, postRequest } from './requests.ts'

const packages = ['nginx', 'libnginx-mod-nchan']
/** 10,000 sessions and as many again; below the 20,000 descriptors that many systems allow a process. */
const workerConnections = 20_000

export const nchan: PeerServer = { name: 'nchan', prepare, start }

async function prepare(): Promise<Prepared> {
  const found = await findDebianPackages(packages)
  if ('missing' in found) return found
  return {
    version: `${found.versions.get('libnginx-mod-nchan')} in nginx ${found.versions.get('nginx')}`,
    settings:
      `1 worker, \`worker_connections ${workerConnections}\`, \`nchan_shared_memory_size 256m\`, ` +
      'a buffer of 1,000 messages for 5 minutes, no access log, no gzip',
  }
}

async function start({ directory }: StartOptions): Promise<RunningPeer> {
  const port = await findFreePort()
  const configuration = `${directory}/nginx.conf`
  writeFileSync(configuration, renderConfiguration(port))
  const nginx = await startServerProcess({
    command: 'nginx',
    args: ['-p', `${directory}/`, '-c', configuration, '-e', 'stderr'],
    port,
    directory,
  })
  return {
    port,
    subscribeRequest: (topics) => getRequest(`/subscribe/${topics.join(',')}`),
    publishRequest: (topic, data) =>
      postRequest(`/publish/${topic}`, data, { 'Content-Type': 'text/plain' }),
    pids: () => [nginx.pid],
    stop: () => nginx.stop(),
  }
}

function renderConfiguration(port: number): string {
  return `
load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
daemon off;
pid nginx.pid;
error_log stderr error;
worker_processes 1;
events { worker_connections ${workerConnections}; }
http {
  access_log off;
  gzip off;
  # A publisher's connection lives as long as the measurement.
  keepalive_requests 1000000000;
  # Bodies stay in memory.
  client_body_buffer_size 1m;
  client_body_temp_path temporary-body;
  proxy_temp_path temporary-proxy;
  fastcgi_temp_path temporary-fastcgi;
  uwsgi_temp_path temporary-uwsgi;
  scgi_temp_path temporary-scgi;
  nchan_shared_memory_size 256m;
  nchan_message_buffer_length 1000;
  nchan_message_timeout 5m;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location ~ ^/subscribe/(.+)$ {
      nchan_subscriber eventsource;
      nchan_channel_id $1;
      nchan_channel_id_split_delimiter ",";
      nchan_subscriber_first_message newest;
    }
    location ~ ^/publish/(.+)$ {
      nchan_publisher;
      nchan_channel_id $1;
    }
  }
}
`
}
