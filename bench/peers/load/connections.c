// Connections that subscribe: opened at a pace, read as fast or as slowly as their group does, and what arrives counted.

#include "load.h"
#include "stream.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (256 * 1024)
#define SLOW_TICK_NS 20000000ull

typedef enum { CLOSED, CONNECTING, WAITING, OPEN } State;

typedef struct {
  Source source;
  State state;
  unsigned group, index;
  Stream stream;
  uint8_t *seen;
  uint64_t dies_ns;
  double allowance; // bytes a slow reader may read now
} Connection;

GroupTally tallies[GROUPS_MAX];
unsigned connection_count, settled_count;
uint64_t cycles_done;
static Connection *connections;
static unsigned next_connection, connecting;
static uint64_t cycles_begun;
static char buffer[READ_BYTES];

void prepare_connections(void) {
  for (unsigned g = 0; g < plan.group_count; g++) connection_count += plan.groups[g].connections;
  connections = calloc(connection_count, sizeof(Connection));
  Connection *c = connections;
  // Without pages of their own until written to, so that idle connections cost nothing here.
  for (unsigned g = 0; g < plan.group_count; g++) {
    tallies[g].newest = calloc(plan.groups[g].connections + 1, sizeof(uint32_t));
    for (unsigned i = 0; i < plan.groups[g].connections; i++, c++)
      *c = (Connection){.source = {0, -1}, .group = g, .index = i, .seen = calloc(events_max / 8 + 1, 1)};
  }
}

static uint64_t random_below(uint64_t bound) {
  static uint64_t state = 88172645463325252ull;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state % bound;
}

static void on_event(void *context, uint32_t number) {
  Connection *c = context;
  GroupTally *tally = &tallies[c->group];
  if (number >= next_number) return;
  if (is_measuring) tally->deliveries++;
  if (c->seen[number >> 3] & (1 << (number & 7))) {
    tally->duplicated++;
    return;
  }
  c->seen[number >> 3] |= (uint8_t)(1 << (number & 7));
  tally->unique++;
  if (number + 1 < tally->newest[c->index]) tally->disordered++;
  tally->newest[c->index] = number + 1;
  Event *event = &events[number];
  if (!event->first_ns) event->first_ns = now;
  event->last_ns = now;
  if (number >= first_measured && number < end_measured) record(&tally->latency, now - event->sent_ns);
}

static uint64_t pick_death(void) {
  return now + random_below((uint64_t)plan.life_ms * 1000000 + 1);
}

static void begin_connection(Connection *c) {
  Group *group = &plan.groups[c->group];
  c->source.fd = open_socket(plan.port, group->receive_buffer, 0);
  c->stream = (Stream){.stage = HEAD};
  if (plan.cycles) c->dies_ns = plan.is_life_from_answer ? UINT64_MAX : pick_death();
  connecting++;
  c->state = CONNECTING;
  if (c->source.fd >= 0) watch(EPOLL_CTL_ADD, c->source.fd, EPOLLOUT, c);
}

static void settle(Connection *c) {
  if (c->state == CONNECTING || c->state == WAITING) {
    connecting--;
    settled_count++;
  }
}

static void end_connection(Connection *c) {
  GroupTally *tally = &tallies[c->group];
  if (c->state == OPEN) tally->closed++;
  else tally->failed++;
  settle(c);
  if (plan.cycles) cycles_done++;  // whoever has ended it: a server may, for a limit of its own
  c->state = CLOSED;
  if (c->source.fd >= 0) close(c->source.fd);
  free(c->stream.head);
  c->stream.head = NULL;
  c->source.fd = -1;
}

static void send_request(Connection *c) {
  Group *group = &plan.groups[c->group];
  unsigned turn = plan.cycles ? (unsigned)random_below(group->request_count) : c->index % group->request_count;
  Request *request = &group->requests[turn];
  c->state = WAITING;
  if (!write_all(c->source.fd, request->bytes, request->length)) {
    end_connection(c);
    return;
  }
  watch(EPOLL_CTL_MOD, c->source.fd, EPOLLIN, c);
}

static void head_is_read(Connection *c) {
  GroupTally *tally = &tallies[c->group];
  if (c->stream.status != 200) {
    if (tally->refused++ == 0) fprintf(stderr, "load: a subscription was answered with %d\n", c->stream.status);
    settle(c);
    c->state = OPEN;
    end_connection(c);
    tally->closed--;
    return;
  }
  tally->opened++;
  tally->gzip += (unsigned)c->stream.is_gzip;
  settle(c);
  c->state = OPEN;
  if (plan.is_life_from_answer) c->dies_ns = pick_death();
  if (plan.groups[c->group].bytes_per_second != 0) watch(EPOLL_CTL_DEL, c->source.fd, 0, c);
}

static void read_stream(Connection *c, size_t length_max) {
  ssize_t length = read(c->source.fd, buffer, length_max);
  if (length <= 0) {
    if (length == 0 || errno != EAGAIN) end_connection(c);
    return;
  }
  GroupTally *tally = &tallies[c->group];
  tally->bytes_all += (uint64_t)length;
  if (is_measuring) tally->bytes += (uint64_t)length;
  now = clock_ns();
  int is_waiting = c->state == WAITING;
  feed_stream(&c->stream, buffer, (size_t)length, plan.groups[c->group].is_checked ? on_event : NULL, c);
  if (is_waiting && c->stream.stage != HEAD) head_is_read(c);
  if (c->state == OPEN && c->stream.stage == OVER) end_connection(c);
}

void connect_due(void) {
  static uint64_t from;
  if (!from) from = now;
  while (next_connection < connection_count && connecting < plan.connecting_max &&
         (now - from) * plan.connects_per_second >= (uint64_t)next_connection * 1000000000ull) {
    begin_connection(&connections[next_connection++]);
  }
}

void read_slowly(void) {
  static uint64_t ticked;
  if (now - ticked < SLOW_TICK_NS) return;
  double seconds = ticked ? (double)(now - ticked) / 1e9 : 0;
  ticked = now;
  for (unsigned i = 0; i < connection_count; i++) {
    Connection *c = &connections[i];
    int rate = plan.groups[c->group].bytes_per_second;
    if (rate <= 0 || c->state != OPEN) continue;
    c->allowance += rate * seconds;
    if (c->allowance > READ_BYTES) c->allowance = READ_BYTES;
    if (c->allowance < 1) continue;
    size_t wanted = (size_t)c->allowance;
    c->allowance -= (double)wanted;
    read_stream(c, wanted);
  }
}

// Ends connections at random moments, half of them by a reset, and begins others in their place.
void cycle(void) {
  for (unsigned i = 0; i < connection_count; i++) {
    Connection *c = &connections[i];
    if (c->state == CLOSED || now < c->dies_ns) continue;
    struct linger reset = {1, 0};
    if (c->source.fd >= 0 && random_below(2)) setsockopt(c->source.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    end_connection(c);
  }
  for (unsigned i = 0; i < connection_count && cycles_begun < plan.cycles; i++) {
    if (connections[i].state != CLOSED || connecting >= plan.connecting_max) continue;
    begin_connection(&connections[i]);
    cycles_begun++;
  }
}

void handle_connection(Source *connection, uint32_t ready) {
  Connection *c = (Connection *)connection;
  if (c->state != CONNECTING) {
    read_stream(c, READ_BYTES);
    return;
  }
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(c->source.fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error || (ready & EPOLLERR)) end_connection(c);
  else send_request(c);
}

// Whether everything has arrived that will, and every publish is answered.
int has_all(void) {
  uint64_t wanted = 0, got = 0;
  for (unsigned g = 0; g < plan.group_count; g++) {
    if (!plan.groups[g].is_checked || plan.groups[g].bytes_per_second != 0) continue;
    wanted += tallies[g].opened * publish_tally.acknowledged;
    got += tallies[g].unique;
  }
  return got >= wanted && !is_answer_awaited();
}

uint64_t count_missing(unsigned g) {
  uint64_t missing = 0;
  for (unsigned i = 0; i < connection_count; i++) {
    Connection *c = &connections[i];
    if (c->group != g || c->stream.status != 200) continue;
    for (uint32_t n = 0; n < next_number; n++)
      missing += events[n].is_acknowledged && !(c->seen[n >> 3] & (1 << (n & 7)));
  }
  return missing;
}

// Connections that are not read any more do not say when the server closed them; the kernel does.
void count_closed_unread(void) {
  for (unsigned i = 0; i < connection_count; i++) {
    Connection *c = &connections[i];
    if (c->state != OPEN || plan.groups[c->group].bytes_per_second == 0) continue;
    struct tcp_info info;
    socklen_t size = sizeof info;
    if (getsockopt(c->source.fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state != TCP_ESTABLISHED)
      tallies[c->group].closed++;
  }
}
