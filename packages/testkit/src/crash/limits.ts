// Every limit of the crash test, with its arithmetic.

/** Events of one batch request. */
export const batchEventsMax: number = 20

/** One in so many events is large, */
export const fillEvery: number = 12

/** with up to this many characters of padding: 3.4 KB per event on average, 4 MB per 1,200 events. */
export const fillLengthMax: number = 80_000

/** A slow reader stands still for this many acknowledged events, long enough to fill the kernel's buffers. */
export const pauseEvents: { readonly from: number; readonly to: number } = {
  from: 2_000,
  to: 3_500,
}

/** Events acknowledged after the last kill, so that slow readers fall behind and catch up on one connection. */
export const calmEvents: number = 8_000

/** Cuts fall into the head of a stream, into its first events, and far into it. */
export const cutBytesMax: readonly number[] = [400, 5_000, 30_000, 100_000, 500_000]

/** A slow reader needs connections that outlast the 4 MB and more in the kernel's buffers. */
export const slowCutBytesMax: readonly number[] = [10_000, 10_000_000, 20_000_000]
