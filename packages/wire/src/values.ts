// What the rooms above say in error messages about values they were handed. For Tidemark's own packages.

export { nearestName } from './nearest-name.ts'
export { quote, quoteValue } from './quote.ts'
