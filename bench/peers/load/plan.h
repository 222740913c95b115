// What to do, read from standard input: lines of a name and numbers, and requests as a length and that many bytes.
#pragma once
#include <stddef.h>

#define GROUPS_MAX 8
#define PUBLISHES_MAX 64

// Each payload holds this and eight digits: the number of the event.
#define MARKER "TIDEMARK"
#define MARKER_BYTES 8

typedef struct {
  char *bytes;
  size_t length;
} Request;

typedef struct {
  char name[32];
  unsigned connections;
  int bytes_per_second; // 0: as fast as it can; -1: never reads past the head
  int receive_buffer;   // SO_RCVBUF; 0: the system's
  int is_checked;       // whether the payload is looked for; not in compressed streams
  Request *requests;    // connection i sends request i % request_count; in cycles each time any of them
  unsigned request_count;
} Group;

typedef struct {
  unsigned port, publish_port, publishers;
  double events_per_second;
  unsigned burst; // events published at once, every burst / events_per_second seconds
  unsigned warmup_ms, window_ms, drain_ms;
  unsigned connects_per_second, connecting_max;
  unsigned cycles, life_ms; // connect and disconnect so often, each after a random time up to life_ms
  int is_life_from_answer;  // that begins with the answer, so that each stream is answered
  Group groups[GROUPS_MAX];
  unsigned group_count;
  Request publishes[PUBLISHES_MAX]; // sent in turn
  unsigned publish_count;
} Plan;

// Ends the program with one line.
_Noreturn void die(const char *what, const char *got);

Plan read_plan(void);
