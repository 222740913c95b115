// How often a model test plays: in `npm test` enough for a fault that is not rare, and all runs by name.

/** The share of its runs that a model test plays in `npm test`. */
const share = 0.3

/** `TIDEMARK_TEST_RUNS=all`, as `npm run test:models` sets it, plays all runs of every model test. */
export function modelRuns(all: number): number {
  return process.env['TIDEMARK_TEST_RUNS'] === 'all' ? all : Math.ceil(all * share)
}
