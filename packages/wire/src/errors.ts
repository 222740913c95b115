// Every error this room throws, by code.

/** The meaning of each code and the remedy; `docs/reference/errors.md` is generated from it. */
export const wireErrors = {
  EVENT_INVALID: 'What is to be encoded is no event, or cannot be read.',
  EVENT_ID_INVALID:
    'The event id is no text, or holds CR, LF or NUL, which no decoder would read back.',
  EVENT_TYPE_INVALID:
    'The event type is no text, or holds CR or LF, which would forge another line.',
  EVENT_FIELD_INVALID:
    'An extra field has a name or value that cannot stand on one line, or there are too many.',
  EVENT_RETRY_INVALID: 'The retry delay is not a whole number of milliseconds from 0 up.',
  EVENT_TEXT_INVALID:
    'A text is none, or holds half of a surrogate pair, which UTF-8 cannot carry.',
  LINE_TOO_LONG:
    'A line of the stream is longer than the decoder accepts; raise `lineCharactersMax` or send less.',
  EVENT_TOO_LARGE:
    'An event of the stream is larger than the decoder accepts; raise `eventCharactersMax` or send less.',
  DECODER_LIMIT_INVALID: 'A limit handed to the decoder is not a whole number from 1 up.',
  DECODER_OPTION_INVALID: 'A handler, stream or option of a decoder is of the wrong type.',
  DECODER_CHUNK_INVALID: 'A chunk handed to the decoder is neither bytes nor text.',
  DECODER_ENDED: 'The decoder has ended or failed and takes no more input; create another one.',
} as const

/** A stable code of {@link wireErrors}. */
export type WireErrorCode = keyof typeof wireErrors

/**
 * An error of the encoder or decoder. `code` is stable; the message says what is wrong, what was
 * given, and what to do.
 */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly code: WireErrorCode

  constructor(code: WireErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
