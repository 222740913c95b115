// A write past Node's stream layer, straight to the handle of a connection. `socket.write` touches half a
// dozen objects per call. They are out of the processor's caches when thousands of sessions get one block
// each. See bench/socket-write.ts.
//
// It rests on what Node does not document: `writeBuffer`, `writeQueueSize` and the class of its write
// requests. Where one of them is not as in Node 20 to 26, `openRawWriter` gives nothing, and everything goes
// through `socket.write`.

/** The operating system's handle of a connection, as it is in Node 20 to 24. */
interface Handle {
  readonly writeQueueSize: number
  writeBuffer(request: WriteRequest | null, bytes: Uint8Array): number
}

/**
 * One of Node's write requests. It belongs to a write until that completes, and to nobody if it has completed
 * at once.
 */
interface WriteRequest {
  /** `freeId` while it belongs to nobody. 10 to 20 ns. */
  getAsyncId(): number
  /** Keeps the bytes where they are while the system takes them. */
  buffer?: Uint8Array
  oncomplete?: (status: number) => void
}

/** Hears what became of bytes that the system did not take at once. */
export interface RawWriter {
  /** They are gone, or with a negative status lost. */
  hearSent(status: number): void
}

interface RequestClass {
  new (): WriteRequest
  readonly prototype: object
}

/** https://nodejs.org/api/async_hooks.html: no operation has this id. */
const freeId = -1

let requestClass: RequestClass | undefined
let spare: WriteRequest | undefined

/** Whether a handle can be written to directly. */
export function canWriteRaw(handle: unknown): handle is Handle {
  const { writeBuffer, writeQueueSize } = (handle ?? {}) as Partial<Handle>
  return typeof writeBuffer === 'function' && typeof writeQueueSize === 'number'
}

/** Has Node's own next write to this handle show what its requests are made of. */
export function learnRequests(handle: Handle): void {
  if (requestClass !== undefined || Object.hasOwn(handle, 'writeBuffer')) return
  const own = handle as { writeBuffer?: Handle['writeBuffer'] }
  own.writeBuffer = (request, bytes) => {
    delete own.writeBuffer
    // Node 26 makes one only when it is needed: there `socket.write` is as cheap as this.
    const found = request?.constructor
    if (found?.name === 'WriteWrap' && tellsWhenFree(found as RequestClass))
      requestClass = found as RequestClass
    return handle.writeBuffer(request, bytes)
  }
}

function tellsWhenFree(found: RequestClass): boolean {
  const { getAsyncId } = found.prototype as Partial<WriteRequest>
  return typeof getAsyncId === 'function' && new found().getAsyncId() === freeId
}

/**
 * Writes. `undefined`: it cannot be done this way, nothing was written. Negative: the connection is broken.
 * 0: the system has taken everything. Positive: so many bytes are on their way, and the writer hears of their
 * end.
 */
export function writeRaw(handle: Handle, bytes: Uint8Array, writer: RawWriter): number | undefined {
  if (requestClass === undefined) return undefined
  spare ??= new requestClass()
  const request = spare
  const status = handle.writeBuffer(request, bytes)
  if (status !== 0) return status
  // A reader that takes bytes in this very moment may leave none waiting, and yet the write completes later.
  // A request that is used a second time before that ends the process.
  if (request.getAsyncId() === freeId) return 0
  spare = undefined
  request.buffer = bytes
  request.oncomplete = (outcome) => writer.hearSent(outcome)
  return Math.max(1, handle.writeQueueSize)
}
