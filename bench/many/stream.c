// Takes the response of a stream apart.

#define _GNU_SOURCE
#include "stream.h"
#include <stdlib.h>
#include <string.h>

static void keep(char *field, size_t size, const char *value) {
  strncpy(field, value, size - 1);
  field[size - 1] = 0;
}

// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, as far as the hub makes use of it.
static void end_line(Stream *s, OnEvent on_event, void *context) {
  s->line[s->length] = 0;
  if (s->length == 0) {
    on_event(context, s);
    s->event[0] = s->data[0] = 0;
    return;
  }
  s->length = 0;
  char *value = strchr(s->line, ':');
  if (!value || value == s->line) return;
  *value++ = 0;
  if (*value == ' ') value++;
  if (!strcmp(s->line, "event")) keep(s->event, sizeof s->event, value);
  else if (!strcmp(s->line, "data")) keep(s->data, sizeof s->data, value);
  else if (!strcmp(s->line, "id")) keep(s->pending_id, sizeof s->pending_id, value);
  else if (!strcmp(s->line, "retry")) s->retry_ms = atoi(value);
}

static void feed_body(Stream *s, const char *bytes, size_t length, OnEvent on_event, void *context) {
  for (const char *end = bytes + length; bytes < end; bytes++) {
    if (*bytes == '\n') end_line(s, on_event, context);
    else if (*bytes != '\r' && s->length < LINE_BYTES - 1) s->line[s->length++] = *bytes;
  }
}

static void feed_head(Stream *s, char c) {
  if (c == '\r') return;
  if (c != '\n') {
    if (s->stage == STATUS_LINE && s->length < LINE_BYTES - 1) s->line[s->length++] = c;
    s->head_line++;
    return;
  }
  if (s->stage == STATUS_LINE) {
    s->line[s->length] = 0;
    s->status = s->length > 12 ? atoi(s->line + 9) : 0;
    s->length = 0;
    s->stage = HEAD;
  } else if (s->head_line == 0) s->stage = s->status == 200 ? CHUNKED : OVER;
  s->head_line = 0;
}

void feed_stream(Stream *s, const char *bytes, size_t length, OnEvent on_event, void *context) {
  const char *end = bytes + length;
  while (bytes < end && s->stage < CHUNKED) feed_head(s, *bytes++);
  if (s->stage != CHUNKED) return;
  for (const char *piece; (piece = next_piece(&s->chunks, &bytes, end, &length));)
    feed_body(s, piece, length, on_event, context);
  if (s->chunks.at == CHUNKS_OVER) s->stage = OVER;
}
