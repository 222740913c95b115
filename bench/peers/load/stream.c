// Finds events in the body of a response.

#define _GNU_SOURCE
#include "stream.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEAD_BYTES_MAX 8192

static inline uint32_t read_number(const char *digits) {
  uint32_t number = 0;
  for (int i = 0; i < 8; i++) number = number * 10 + (uint32_t)(digits[i] - '0');
  return number;
}

// Events of one size lie at even distances, so the next one is looked for where the last distance says. Payloads are
// at least 128 bytes, so none can lie within a distance below 256.
static void find_events(const char *at, size_t length, OnEvent on_event, void *context) {
  static size_t stride = SIZE_MAX;
  const char *end = at + length, *last = NULL;
  while (end - at >= STAMP_BYTES) {
    const char *found = NULL;
    if (last && stride < 256 && end - last >= (ptrdiff_t)(stride + STAMP_BYTES) &&
        !memcmp(last + stride, MARKER, MARKER_BYTES))
      found = last + stride;
    else
      found = memmem(at, (size_t)(end - at), MARKER, MARKER_BYTES);
    if (!found || end - found < STAMP_BYTES) return;
    if (last) stride = (size_t)(found - last);
    last = found;
    on_event(context, read_number(found + MARKER_BYTES));
    at = found + STAMP_BYTES;
  }
}

static void feed_piece(Stream *s, const char *piece, size_t length, OnEvent on_event, void *context) {
  if (s->carry_length > 0) {
    char joint[2 * STAMP_BYTES];
    size_t more = length < STAMP_BYTES - 1 ? length : STAMP_BYTES - 1;
    memcpy(joint, s->carry, s->carry_length);
    memcpy(joint + s->carry_length, piece, more);
    find_events(joint, s->carry_length + more, on_event, context);
    if (length < STAMP_BYTES - 1) {
      size_t all = s->carry_length + more, kept = all < STAMP_BYTES - 1 ? all : STAMP_BYTES - 1;
      memcpy(s->carry, joint + all - kept, kept);
      s->carry_length = (unsigned char)kept;
      return;
    }
  }
  find_events(piece, length, on_event, context);
  // A piece that ends with a line ends outside of a stamp.
  size_t kept = piece[length - 1] == '\n' ? 0 : length < STAMP_BYTES - 1 ? length : STAMP_BYTES - 1;
  memcpy(s->carry, piece + length - kept, kept);
  s->carry_length = (unsigned char)kept;
}

// Returns how many of the bytes belonged to the head.
static size_t feed_head(Stream *s, const char *bytes, size_t length) {
  if (!s->head) s->head = malloc(HEAD_BYTES_MAX + 1);
  size_t taken = HEAD_BYTES_MAX - s->head_length < length ? HEAD_BYTES_MAX - s->head_length : length;
  memcpy(s->head + s->head_length, bytes, taken);
  unsigned before = s->head_length;
  s->head_length += (unsigned)taken;
  s->head[s->head_length] = 0;
  char *end = strstr(s->head, "\r\n\r\n");
  if (!end) {
    if (s->head_length == HEAD_BYTES_MAX) s->stage = OVER;
    return taken;
  }
  end[2] = 0;
  s->status = s->head_length > 12 ? atoi(s->head + 9) : 0;
  s->stage = strcasestr(s->head, "\r\ntransfer-encoding: chunked\r\n") ? CHUNKED : PLAIN;
  s->is_gzip = strcasestr(s->head, "\r\ncontent-encoding: gzip\r\n") != NULL;
  size_t head_bytes = (size_t)(end + 4 - s->head) - before;
  free(s->head);
  s->head = NULL;
  return head_bytes;
}

void feed_stream(Stream *s, const char *bytes, size_t length, OnEvent on_event, void *context) {
  const char *end = bytes + length;
  if (s->stage == HEAD) bytes += feed_head(s, bytes, length);
  if (s->stage == PLAIN && on_event && bytes < end) feed_piece(s, bytes, (size_t)(end - bytes), on_event, context);
  if (s->stage != CHUNKED) return;
  for (const char *piece; (piece = next_piece(&s->chunks, &bytes, end, &length));)
    if (on_event) feed_piece(s, piece, length, on_event, context);
  if (s->chunks.at == CHUNKS_OVER) s->stage = OVER;
}
