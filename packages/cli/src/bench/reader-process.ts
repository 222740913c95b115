// The program of a process that reads streams; started by `readers.ts`, told what to do over its channel.

import process from 'node:process'
import type { Order, Report } from './messages.ts'
import { Reader } from './reader.ts'

let reader: Reader | undefined

function report(message: Report): void {
  process.send?.(message)
}

process.on('message', (order: Order) => {
  switch (order.kind) {
    case 'open':
      reader = new Reader(order, report)
      return
    case 'load':
      reader?.beginLoad()
      return
    case 'finish':
      reader?.finish(order.published)
      return
    case 'hurry':
      reader?.hurry()
      return
  }
})
// A Ctrl-C goes to every process of the terminal; the first process decides, and ends this one by its
// channel.
process.on('SIGHUP', () => undefined)
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)
process.on('disconnect', () => process.exit())
process.on('uncaughtException', (error) => {
  report({ kind: 'broken', reason: error.message })
  process.exitCode = 1
})
