// How the rooms above read values that callers written in JavaScript hand in. For Tidemark's own packages.

export { hasLogCode } from './errors.ts'
export { hashTexts } from './fingerprint.ts'
export { controlTopic } from './control-topic.ts'
export {
  countCharacters,
  describePermissionFault,
  describeTagsFault,
  describeTtlFault,
} from './event-extras.ts'
export { createMemberReaders, hasMethods, isFixedList } from './read-members.ts'
export type { MemberReaders, Wanted } from './read-members.ts'
export { encodeTombstone, isExpired, tombstoneType } from './tombstone.ts'
export { measureUtf8 } from './record-size.ts'
export { ledgerBytesMax, ledgerEntriesMax } from './limits.ts'
export { requireIdempotencyKey } from './validate-batch.ts'
