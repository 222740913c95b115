// The chunks of a response's body (RFC 9112, §7.1), taken off as they arrive.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
  enum { CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_DATA, CHUNK_END, CHUNKS_OVER } at;
  uint64_t left; // of the chunk
} Chunks;

static inline int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The next piece of the body and its length, never 0. NULL when the bytes up to `end` are used up, or the body is over.
static inline const char *next_piece(Chunks *c, const char **bytes, const char *end, size_t *length) {
  while (*bytes < end) {
    switch (c->at) {
      case CHUNK_SIZE: {
        int digit = hex_digit(**bytes);
        if (digit < 0) c->at = CHUNK_EXTENSION;
        else {
          c->left = c->left * 16 + (unsigned)digit;
          ++*bytes;
        }
        break;
      }
      case CHUNK_EXTENSION:
        if (*(*bytes)++ == '\n') c->at = c->left > 0 ? CHUNK_DATA : CHUNKS_OVER;
        break;
      case CHUNK_DATA: {
        const char *piece = *bytes;
        *length = (size_t)(end - piece) < c->left ? (size_t)(end - piece) : c->left;
        *bytes += *length;
        c->left -= *length;
        if (c->left == 0) c->at = CHUNK_END;
        return piece;
      }
      case CHUNK_END:
        if (*(*bytes)++ == '\n') c->at = CHUNK_SIZE;
        break;
      case CHUNKS_OVER: return NULL;
    }
  }
  return NULL;
}
