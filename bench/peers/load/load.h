// What the parts of the load generator know of each other.
#pragma once
#define _GNU_SOURCE
#include "histogram.h"
#include "plan.h"
#include <stddef.h>
#include <stdint.h>

extern Plan plan;
extern uint64_t now; // CLOCK_MONOTONIC, as of the latest look
extern int is_measuring;

// An event of this run, by its number.
typedef struct {
  uint64_t sent_ns, first_ns, last_ns; // its first and its latest delivery; 0 before
  int is_acknowledged;
} Event;

extern Event *events;
extern uint32_t events_max, next_number;
extern uint32_t first_measured, end_measured; // of the window

// sockets.c

// What epoll tells of; the first member of a publisher and of a connection.
typedef struct {
  int is_publisher, fd;
} Source;

extern int poller;

uint64_t clock_ns(void);
void watch(int operation, int fd, uint32_t happenings, void *what);
int open_socket(unsigned port, int receive_buffer, int is_waiting);
int write_all(int fd, const char *bytes, size_t length);

// publishers.c

typedef struct {
  uint64_t acknowledged, refused, late, unsent, broken, latest_ns;
  Histogram latency;
} PublishTally;

extern PublishTally publish_tally;

void prepare_publishers(void);
void begin_publishing(uint64_t until_ns);
void end_publishing(void);
uint64_t next_publish_ns(void);
void publish_due(void);
void read_answer(Source *publisher);
int is_answer_awaited(void);

// connections.c

typedef struct {
  uint64_t opened, failed, refused, closed, gzip, deliveries, bytes, bytes_all, duplicated, disordered, unique;
  uint32_t *newest; // per connection: the event seen last
  Histogram latency;
} GroupTally;

extern GroupTally tallies[GROUPS_MAX];
extern unsigned connection_count, settled_count; // settled: open, or failed
extern uint64_t cycles_done;

void prepare_connections(void);
void connect_due(void);
void handle_connection(Source *connection, uint32_t ready);
void read_slowly(void);
void cycle(void);
int has_all(void);
uint64_t count_missing(unsigned group);
void count_closed_unread(void);

// report.c

void say(const char *what);
void report(double window_ms, double user_ms, double system_ms);
