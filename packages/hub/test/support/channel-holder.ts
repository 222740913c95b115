// Loaded into a worker before its own program: starts a process that inherits the worker's channel.

import { spawn } from 'node:child_process'

// The supervising process loads this as well, and has no channel.
if (process.connected) spawn('sleep', ['600'], { stdio: ['ignore', 'ignore', 'ignore', 3] }).unref()
