// Values as callers written in JavaScript hand them in, refused with the errors of this room.

import { createMemberReaders } from '@tidemark/log/values'
import type { MemberReaders } from '@tidemark/log/values'
import { ServerError } from './errors.ts'
import type { ServerErrorCode } from './errors.ts'

const readers: MemberReaders<ServerErrorCode> = createMemberReaders(ServerError)

/** The named members of an object; a {@link ServerError} when it has none that can be read. */
export const readMembers: MemberReaders<ServerErrorCode>['readMembers'] = readers.readMembers

/** The items of an array; a {@link ServerError} when it is none. */
export const readList: MemberReaders<ServerErrorCode>['readList'] = readers.readList
