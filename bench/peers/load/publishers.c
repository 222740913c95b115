// Publishing at a fixed pace, whether answers come or not.

#include "load.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define LATE_NS 10000000ull
#define ANSWER_BYTES_MAX 16384

typedef struct {
  Source source;
  int is_busy;
  uint32_t number;
  uint64_t sent_ns;
  unsigned answer_length;
  char answer[ANSWER_BYTES_MAX + 1];
} Publisher;

PublishTally publish_tally;
static Publisher *publishers;
static uint64_t publish_from, publish_until, publish_count_due;

static void open_publisher(Publisher *p) {
  p->is_busy = 0;
  p->answer_length = 0;
  p->source.fd = open_socket(plan.publish_port, 0, 1);
  if (p->source.fd >= 0) watch(EPOLL_CTL_ADD, p->source.fd, EPOLLIN, p);
}

void prepare_publishers(void) {
  publishers = calloc(plan.publishers, sizeof(Publisher));
  for (unsigned i = 0; i < plan.publishers; i++) {
    publishers[i].source = (Source){.is_publisher = 1, .fd = -1};
    if (plan.events_per_second > 0) open_publisher(&publishers[i]);
  }
}

static Publisher *idle_publisher(void) {
  static unsigned turn;
  for (unsigned i = 0; i < plan.publishers; i++) {
    Publisher *p = &publishers[turn++ % plan.publishers];
    if (p->is_busy) continue;
    if (p->source.fd < 0) open_publisher(p);
    if (p->source.fd >= 0) return p;
  }
  return NULL;
}

static uint64_t due_ns(uint64_t count) {
  return publish_from + (uint64_t)((double)(count / plan.burst * plan.burst) * 1e9 / plan.events_per_second);
}

void begin_publishing(uint64_t until_ns) {
  publish_from = now;
  publish_until = until_ns;
}

// Nothing is sent from now on; what was due and has not been sent is counted.
void end_publishing(void) {
  publish_until = now;
  if (plan.events_per_second > 0)
    for (uint64_t n = publish_count_due; due_ns(n) < now; n++) publish_tally.unsent++;
}

// When the next event is due; UINT64_MAX when there is none.
uint64_t next_publish_ns(void) {
  return plan.events_per_second > 0 && now < publish_until ? due_ns(publish_count_due) : UINT64_MAX;
}

static void end_publisher(Publisher *p) {
  if (p->is_busy) publish_tally.broken++;
  close(p->source.fd);
  p->source.fd = -1;
  p->is_busy = 0;
}

// Sends what is due. An event that finds every connection busy waits, and counts as late.
void publish_due(void) {
  while (next_publish_ns() <= now && next_number < events_max) {
    Publisher *p = idle_publisher();
    if (!p) return;
    uint64_t lateness = now - due_ns(publish_count_due);
    if (is_measuring && lateness > LATE_NS) publish_tally.late++;
    if (is_measuring && lateness > publish_tally.latest_ns) publish_tally.latest_ns = lateness;
    Request *request = &plan.publishes[publish_count_due++ % plan.publish_count];
    char digits[9], *stamp = strstr(request->bytes, MARKER);
    if (!stamp) die("no " MARKER " in", request->bytes);
    snprintf(digits, sizeof digits, "%08u", next_number);
    memcpy(stamp + MARKER_BYTES, digits, 8);
    p->is_busy = 1;
    p->number = next_number++;
    p->sent_ns = events[p->number].sent_ns = now;
    if (!write_all(p->source.fd, request->bytes, request->length)) end_publisher(p);
    now = clock_ns();
  }
}

static int is_answer_whole(const Publisher *p) {
  const char *end = strstr(p->answer, "\r\n\r\n");
  if (!end) return 0;
  const char *field = strcasestr(p->answer, "\r\ncontent-length:");
  if (field && field < end)
    return p->answer_length >= (size_t)(end + 4 - p->answer) + strtoul(field + 17, NULL, 10);
  field = strcasestr(p->answer, "\r\ntransfer-encoding: chunked");
  return !(field && field <= end) || strstr(end + 2, "\r\n0\r\n\r\n") != NULL;
}

static int is_answer_last(const Publisher *p) {
  const char *end = strstr(p->answer, "\r\n\r\n"), *field = strcasestr(p->answer, "\r\nconnection: close");
  return field && field < end;
}

void read_answer(Source *publisher) {
  Publisher *p = (Publisher *)publisher;
  ssize_t length = read(p->source.fd, p->answer + p->answer_length, ANSWER_BYTES_MAX - p->answer_length);
  if (length <= 0) {
    if (length < 0 && errno == EAGAIN) return;
    end_publisher(p);
    return;
  }
  p->answer_length += (unsigned)length;
  p->answer[p->answer_length] = 0;
  if (!is_answer_whole(p)) return;
  if (p->is_busy && p->answer[9] == '2') {
    events[p->number].is_acknowledged = 1;
    publish_tally.acknowledged++;
    if (is_measuring) record(&publish_tally.latency, now - p->sent_ns);
  } else if (publish_tally.refused++ == 0) fprintf(stderr, "load: a publish was answered: %.300s\n", p->answer);
  p->is_busy = 0;
  // The next request would get lost on a connection that is about to be closed.
  if (is_answer_last(p)) end_publisher(p);
  p->answer_length = 0;
  publish_due();
}

int is_answer_awaited(void) {
  for (unsigned i = 0; i < plan.publishers; i++)
    if (publishers[i].is_busy) return 1;
  return 0;
}
