// Values as callers written in JavaScript hand them in, refused with the errors of this room.

import { createMemberReaders } from '@tidemark/log/values'
import type { MemberReaders } from '@tidemark/log/values'
import { AccessError } from './errors.ts'
import type { AccessErrorCode } from './errors.ts'

const readers: MemberReaders<AccessErrorCode> = createMemberReaders(AccessError)

/** The named members of an object; an {@link AccessError} when it has none that can be read. */
export const readMembers: MemberReaders<AccessErrorCode>['readMembers'] = readers.readMembers

/** The items of an array; an {@link AccessError} when it is none. */
export const readList: MemberReaders<AccessErrorCode>['readList'] = readers.readList
