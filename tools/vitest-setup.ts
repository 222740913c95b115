// One seed for every property test of a run; a failing property prints it with its path.

import fc from 'fast-check'

/** Fixed, so that a red run stays red. `TIDEMARK_TEST_SEED=random` looks for new counterexamples. */
const defaultSeed = 20_261_120

fc.configureGlobal({
  ...fc.readConfigureGlobal(),
  seed: readSeed(process.env['TIDEMARK_TEST_SEED']),
})

function readSeed(text: string | undefined): number {
  if (text === undefined || text === '') return defaultSeed
  if (text === 'random') return Math.floor(Math.random() * 0x7fff_ffff)
  const seed = Number(text)
  if (!Number.isSafeInteger(seed)) {
    throw new Error(
      `TIDEMARK_TEST_SEED must be a whole number or \`random\`; got ${JSON.stringify(text)}.`,
    )
  }
  return seed
}
