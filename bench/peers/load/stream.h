// Finds events in the body of a response: takes the chunks apart and looks for the marker, also where a read or a chunk
// cuts it in two.
#pragma once
#include "plan.h"
#include <stddef.h>
#include <stdint.h>

#define STAMP_BYTES (MARKER_BYTES + 8)

enum Stage { HEAD, CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_DATA, CHUNK_END, PLAIN, OVER };

typedef struct {
  enum Stage stage;
  int status, is_gzip;
  uint64_t left; // of the chunk
  char *head;    // until it is whole
  unsigned head_length;
  unsigned char carry_length;
  char carry[STAMP_BYTES - 1]; // the end of the last piece, which may be the beginning of a stamp
} Stream;

typedef void (*OnEvent)(void *context, uint32_t number);

// Takes bytes as they were read; `on_event` is NULL where nothing is looked for. `stage` is OVER when the response has ended.
void feed_stream(Stream *s, const char *bytes, size_t length, OnEvent on_event, void *context);
