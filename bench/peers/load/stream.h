// Finds events in the body of a response: takes the chunks apart and looks for the marker, also where a read or a chunk
// cuts it in two.
#pragma once
#include "../../support/chunks.h"
#include "plan.h"

#define STAMP_BYTES (MARKER_BYTES + 8)

enum Stage { HEAD, CHUNKED, PLAIN, OVER };

typedef struct {
  enum Stage stage;
  int status, is_gzip;
  Chunks chunks;
  char *head; // until it is whole
  unsigned head_length;
  unsigned char carry_length;
  char carry[STAMP_BYTES - 1]; // the end of the last piece, which may be the beginning of a stamp
} Stream;

typedef void (*OnEvent)(void *context, uint32_t number);

// Takes bytes as they were read; `on_event` is NULL where nothing is looked for. `stage` is OVER when the response has ended.
void feed_stream(Stream *s, const char *bytes, size_t length, OnEvent on_event, void *context);
