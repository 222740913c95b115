// The response of a stream, taken apart as it arrives: status, chunks, lines, and of each event what a reader keeps.
#pragma once
#include "../support/chunks.h"

#define LINE_BYTES 256
#define ID_BYTES 64

enum Stage { STATUS_LINE, HEAD, CHUNKED, OVER };

typedef struct {
  enum Stage stage;
  int status;
  Chunks chunks;
  unsigned head_line; // bytes of the head's current line; an empty line ends the head
  unsigned length;    // of the line so far; what is longer than LINE_BYTES is cut
  char line[LINE_BYTES];
  // Of the event that is being read.
  char event[32], data[64];
  char pending_id[ID_BYTES];
  int retry_ms; // 0 when it has named none
} Stream;

// An event is whole: `name` is empty for a plain one, `id` when it has none.
typedef void (*OnEvent)(void *context, const Stream *event);

// Takes bytes as they were read. `stage` is OVER when the response has ended, or is no 200 in chunks.
void feed_stream(Stream *s, const char *bytes, size_t length, OnEvent on_event, void *context);
