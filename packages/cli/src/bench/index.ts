// The parts that the load tester shares with Tidemark's own tests and benchmarks. No promise to anybody else.

export { AnswerReader } from './answer-reader.ts'
export type { AnswerHandler, ResponseHead } from './answer-reader.ts'
export { listFamily, listPids, readKilobytes, readStat, tickMs } from '../proc/processes.ts'
export type { ProcessStat } from '../proc/processes.ts'
export { listProc, readOr, readProc } from '../proc/read-proc.ts'
export { countHeld, isOfPort, readTcpRows } from '../proc/tcp-table.ts'
export type { TcpRow } from '../proc/tcp-table.ts'
