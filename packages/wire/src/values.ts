// The words that the rooms above use in error messages about values. For Tidemark's own packages.

export { nearestName } from './nearest-name.ts'
export { quote, quoteValue } from './quote.ts'
