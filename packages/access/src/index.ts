export { AccessError, accessErrors } from './errors.ts'
export type { AccessErrorCode } from './errors.ts'
