// The load of the comparison: many SSE connections and a publisher at a fixed pace, in one thread with epoll, so that
// it takes little of the cores it shares with the server. Reads a plan (plan.h) from standard input, says on standard
// output, a JSON object per line, when it is connected and when the measuring window begins and ends, and last what it saw.

#define _GNU_SOURCE
#include "histogram.h"
#include "plan.h"
#include "stream.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES (256 * 1024)
#define READY_MAX 256
#define LATE_NS 10000000ull
#define SLOW_TICK_NS 20000000ull
#define CONNECT_TIMEOUT_NS 60000000000ull
#define ANSWER_BYTES_MAX 16384

typedef enum { CLOSED, CONNECTING, WAITING, OPEN } State;

typedef struct {
  int is_publisher, fd;
} Source;

typedef struct {
  Source source;
  State state;
  unsigned group, index;
  Stream stream;
  uint8_t *seen;
  uint64_t born_ns, dies_ns;
  double allowance; // bytes a slow reader may read now
} Connection;

typedef struct {
  Source source;
  int is_busy;
  uint32_t number;
  uint64_t sent_ns;
  unsigned answer_length;
  char answer[ANSWER_BYTES_MAX + 1];
} Publisher;

typedef struct {
  uint64_t opened, failed, refused, closed, gzip, deliveries, bytes, bytes_all, duplicated, disordered, unique;
  uint32_t *newest; // per connection: the event seen last
  Histogram latency;
} GroupTally;

static Plan plan;
static int poller;
static uint64_t now;
static Connection *connections;
static unsigned connection_count, next_connection, connecting, settled;
static Publisher *publishers;
static GroupTally tallies[GROUPS_MAX];
static uint32_t events_max, next_number, first_measured, end_measured;
static uint64_t *sent_at, *first_at, *last_at;
static uint8_t *acked;
static uint64_t publish_from, publish_count_due, publish_until;
static uint64_t acknowledged, refused_publishes, late, unsent, broken_publishers, latest_ns;
static uint64_t acknowledged_in_turn[PUBLISHES_MAX];
static int is_measuring;
static Histogram first_latency, last_latency, answer_latency;
static uint64_t cycles_begun, cycles_done;
static char buffer[READ_BYTES];
static uint64_t random_state = 88172645463325252ull;

static uint64_t clock_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static uint64_t random_below(uint64_t bound) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state % bound;
}

static void watch(int operation, int fd, uint32_t events, void *what) {
  struct epoll_event event = {.events = events, .data.ptr = what};
  if (epoll_ctl(poller, operation, fd, &event) != 0 && operation != EPOLL_CTL_DEL) die("epoll_ctl", strerror(errno));
}

static int open_socket(unsigned port, int receive_buffer, int is_waiting) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  if (fd < 0) die("socket:", strerror(errno));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (receive_buffer) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int failed = connect(fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS;
  if (!failed && is_waiting) {
    struct pollfd ready = {fd, POLLOUT, 0};
    failed = poll(&ready, 1, 5000) != 1 || (ready.revents & (POLLERR | POLLHUP));
  }
  if (!failed) return fd;
  close(fd);
  return -1;
}

// Requests are far smaller than a socket's buffer, and one is under way on each, so this waits for a broken peer only.
static int write_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = send(fd, bytes, length, MSG_NOSIGNAL);
    if (written < 0) {
      if (errno != EAGAIN) return 0;
      struct pollfd ready = {fd, POLLOUT, 0};
      if (poll(&ready, 1, 1000) != 1) return 0;
      continue;
    }
    bytes += written;
    length -= (size_t)written;
  }
  return 1;
}

// ---- Publishing -------------------------------------------------------------------------------------------------

static void open_publisher(Publisher *p) {
  p->is_busy = 0;
  p->answer_length = 0;
  p->source.fd = open_socket(plan.publish_port, 0, 1);
  if (p->source.fd >= 0) watch(EPOLL_CTL_ADD, p->source.fd, EPOLLIN, p);
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

static void end_publisher(Publisher *p) {
  if (p->is_busy) broken_publishers++;
  close(p->source.fd);
  p->source.fd = -1;
  p->is_busy = 0;
}

// Sends what is due. An event that finds every connection busy waits, and counts as late.
static void publish_due(void) {
  while (plan.events_per_second > 0 && now < publish_until && due_ns(publish_count_due) <= now &&
         next_number < events_max) {
    Publisher *p = idle_publisher();
    if (!p) return;
    uint64_t lateness = now - due_ns(publish_count_due);
    if (is_measuring && lateness > LATE_NS) late++;
    if (is_measuring && lateness > latest_ns) latest_ns = lateness;
    Request *request = &plan.publishes[publish_count_due++ % plan.publish_count];
    char digits[9], *stamp = strstr(request->bytes, MARKER);
    if (!stamp) die("no " MARKER " in", request->bytes);
    snprintf(digits, sizeof digits, "%08u", next_number);
    memcpy(stamp + MARKER_BYTES, digits, 8);
    p->is_busy = 1;
    p->number = next_number++;
    p->sent_ns = sent_at[p->number] = now;
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

static void read_answer(Publisher *p) {
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
    acked[p->number] = 1;
    acknowledged++;
    acknowledged_in_turn[p->number % plan.publish_count]++;
    if (is_measuring) record(&answer_latency, now - p->sent_ns);
  } else refused_publishes++;
  if (p->is_busy && p->answer[9] != '2' && refused_publishes == 1) fprintf(stderr, "load: a publish was answered: %.300s\n", p->answer);
  p->is_busy = 0;
  // The next request would get lost on a connection that is about to be closed.
  if (is_answer_last(p)) end_publisher(p);
  p->answer_length = 0;
  publish_due();
}

// ---- Subscribing ------------------------------------------------------------------------------------------------

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
  if (!first_at[number]) first_at[number] = now;
  last_at[number] = now;
  if (number >= first_measured && number < end_measured) record(&tally->latency, now - sent_at[number]);
}

static void begin_connection(Connection *c) {
  Group *group = &plan.groups[c->group];
  c->source.fd = open_socket(plan.port, group->receive_buffer, 0);
  c->born_ns = now;
  c->stream = (Stream){.stage = HEAD};
  if (plan.cycles) c->dies_ns = now + random_below((uint64_t)plan.life_ms * 1000000 + 1);
  connecting++;
  c->state = CONNECTING;
  if (c->source.fd >= 0) watch(EPOLL_CTL_ADD, c->source.fd, EPOLLOUT, c);
}

static void settle(Connection *c) {
  if (c->state == CONNECTING || c->state == WAITING) {
    connecting--;
    settled++;
  }
}

static void end_connection(Connection *c) {
  GroupTally *tally = &tallies[c->group];
  if (c->state == OPEN) tally->closed++;
  else tally->failed++;
  settle(c);
  c->state = CLOSED;
  if (c->source.fd >= 0) close(c->source.fd);
  free(c->stream.head);
  c->stream.head = NULL;
  c->source.fd = -1;
}

static void send_request(Connection *c) {
  Group *group = &plan.groups[c->group];
  Request *request = &group->requests[c->index % group->request_count];
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

static void connect_due(void) {
  static uint64_t from;
  if (!from) from = now;
  while (next_connection < connection_count && connecting < plan.connecting_max &&
         (now - from) * plan.connects_per_second >= (uint64_t)next_connection * 1000000000ull) {
    begin_connection(&connections[next_connection++]);
  }
}

static void read_slowly(void) {
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
static void cycle(void) {
  for (unsigned i = 0; i < connection_count; i++) {
    Connection *c = &connections[i];
    if (c->state == CLOSED || now < c->dies_ns) continue;
    struct linger reset = {1, 0};
    if (c->source.fd >= 0 && random_below(2)) setsockopt(c->source.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    end_connection(c);
    cycles_done++;
  }
  for (unsigned i = 0; i < connection_count && cycles_begun < plan.cycles; i++) {
    if (connections[i].state != CLOSED || connecting >= plan.connecting_max) continue;
    begin_connection(&connections[i]);
    cycles_begun++;
  }
}

// ---- The run ----------------------------------------------------------------------------------------------------

static void prepare(void) {
  double seconds = (plan.warmup_ms + plan.window_ms + 1000) / 1000.0;
  if (plan.cycles) seconds = 600;
  events_max = (uint32_t)(plan.events_per_second * seconds) + plan.burst + 8;
  sent_at = calloc(events_max, 8), first_at = calloc(events_max, 8), last_at = calloc(events_max, 8);
  acked = calloc(events_max, 1);
  first_measured = end_measured = UINT32_MAX;
  for (unsigned g = 0; g < plan.group_count; g++) connection_count += plan.groups[g].connections;
  connections = calloc(connection_count, sizeof(Connection));
  Connection *c = connections;
  // Without pages of their own until written to, so that idle connections cost nothing here.
  for (unsigned g = 0; g < plan.group_count; g++) {
    tallies[g].newest = calloc(plan.groups[g].connections + 1, sizeof(uint32_t));
    for (unsigned i = 0; i < plan.groups[g].connections; i++, c++)
      *c = (Connection){.source = {0, -1}, .group = g, .index = i, .seen = calloc(events_max / 8 + 1, 1)};
  }
  publishers = calloc(plan.publishers, sizeof(Publisher));
  for (unsigned i = 0; i < plan.publishers; i++) {
    publishers[i].source.is_publisher = 1;
    publishers[i].source.fd = -1;
    if (plan.events_per_second > 0) open_publisher(&publishers[i]);
  }
}

static void say(const char *what) {
  printf("{\"at\":\"%s\"}\n", what);
  fflush(stdout);
}

static void handle(Source *source, uint32_t ready) {
  if (source->fd < 0) return; // ended earlier in this round
  if (source->is_publisher) {
    read_answer((Publisher *)source);
    return;
  }
  Connection *c = (Connection *)source;
  if (c->state == CONNECTING) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->source.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error || (ready & EPOLLERR)) end_connection(c);
    else send_request(c);
  } else read_stream(c, READ_BYTES);
}

static void turn(int timer) {
  static struct epoll_event ready[READY_MAX];
  uint64_t wake = now + 1000000; // paces, phases and slow readers need no finer step
  if (plan.events_per_second > 0 && now < publish_until) {
    uint64_t due = due_ns(publish_count_due);
    if (due > now && due < wake) wake = due;
  }
  struct itimerspec at = {.it_value = {(time_t)(wake / 1000000000ull), (long)(wake % 1000000000ull)}};
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
  int count = epoll_wait(poller, ready, READY_MAX, -1);
  now = clock_ns();
  for (int i = 0; i < count; i++) {
    publish_due();
    if (ready[i].data.ptr) handle(ready[i].data.ptr, ready[i].events);
    else if (read(timer, buffer, 8) < 0) continue;
  }
  now = clock_ns();
  publish_due();
  read_slowly();
}

static void run_until(uint64_t end, int timer) {
  while (now < end) turn(timer);
}

// Deliveries that a group is owed: all events to each, or those of its own turn.
static uint64_t owed(const Group *group, uint64_t opened) {
  if (!group->is_split) return opened * acknowledged;
  uint64_t sum = 0;
  for (unsigned turn = 0; turn < group->request_count; turn++)
    sum += acknowledged_in_turn[turn] * ((group->connections + group->request_count - 1 - turn) / group->request_count);
  return sum;
}

static int has_all(void) {
  uint64_t wanted = 0, got = 0;
  for (unsigned g = 0; g < plan.group_count; g++) {
    if (!plan.groups[g].is_checked || plan.groups[g].bytes_per_second != 0) continue;
    wanted += owed(&plan.groups[g], tallies[g].opened);
    got += tallies[g].unique;
  }
  for (unsigned i = 0; i < plan.publishers; i++)
    if (publishers[i].is_busy) return 0;
  return got >= wanted;
}

static uint64_t count_missing(unsigned g) {
  uint64_t missing = 0;
  const Group *group = &plan.groups[g];
  unsigned step = group->is_split ? plan.publish_count : 1;
  for (unsigned i = 0; i < connection_count; i++) {
    Connection *c = &connections[i];
    if (c->group != g || c->stream.status != 200) continue;
    uint32_t from = group->is_split ? c->index % group->request_count : 0;
    for (uint32_t n = from; n < next_number; n += step)
      missing += acked[n] && !(c->seen[n >> 3] & (1 << (n & 7)));
  }
  return missing;
}

// Connections that are not read any more do not say when the server closed them; the kernel does.
static void count_closed_unread(void) {
  for (unsigned i = 0; i < connection_count; i++) {
    Connection *c = &connections[i];
    if (c->state != OPEN || plan.groups[c->group].bytes_per_second == 0) continue;
    struct tcp_info info;
    socklen_t size = sizeof info;
    if (getsockopt(c->source.fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state != TCP_ESTABLISHED)
      tallies[c->group].closed++;
  }
}

static void report(double window_ms, double user_ms, double system_ms) {
  for (uint32_t n = first_measured; n < end_measured && n < next_number; n++) {
    if (!first_at[n]) continue;
    record(&first_latency, first_at[n] - sent_at[n]);
    record(&last_latency, last_at[n] - sent_at[n]);
  }
  count_closed_unread();
  printf("{\"at\":\"done\",\"windowMs\":%.3f,\"cpuUserMs\":%.3f,\"cpuSystemMs\":%.3f,\"cycles\":%llu,", window_ms, user_ms,
         system_ms, (unsigned long long)cycles_done);
  printf("\"published\":%u,\"publishedInWindow\":%u,\"acknowledged\":%llu,\"refused\":%llu,\"late\":%llu,\"latestMs\":%.3f,"
         "\"unsent\":%llu,\"brokenPublishers\":%llu,",
         next_number, first_measured == UINT32_MAX ? 0 : end_measured - first_measured, (unsigned long long)acknowledged,
         (unsigned long long)refused_publishes, (unsigned long long)late, (double)latest_ns / 1e6, (unsigned long long)unsent,
         (unsigned long long)broken_publishers);
  print_histogram("answers", &answer_latency);
  printf(",");
  print_histogram("first", &first_latency);
  printf(",");
  print_histogram("last", &last_latency);
  printf(",\"groups\":[");
  for (unsigned g = 0; g < plan.group_count; g++) {
    GroupTally *t = &tallies[g];
    int is_checked = plan.groups[g].is_checked && plan.groups[g].bytes_per_second == 0 && !plan.cycles;
    printf("%s{\"name\":\"%s\",\"opened\":%llu,\"failed\":%llu,\"refused\":%llu,\"closed\":%llu,\"gzip\":%llu,"
           "\"deliveries\":%llu,\"bytes\":%llu,\"bytesAll\":%llu,\"missing\":%llu,\"duplicated\":%llu,\"disordered\":%llu,",
           g ? "," : "", plan.groups[g].name, (unsigned long long)t->opened, (unsigned long long)t->failed,
           (unsigned long long)t->refused, (unsigned long long)t->closed, (unsigned long long)t->gzip,
           (unsigned long long)t->deliveries, (unsigned long long)t->bytes, (unsigned long long)t->bytes_all,
           (unsigned long long)(is_checked ? count_missing(g) : 0), (unsigned long long)t->duplicated,
           (unsigned long long)t->disordered);
    print_histogram("latency", &t->latency);
    printf("}");
  }
  printf("]}\n");
}

static void begin_window(struct rusage *usage) {
  is_measuring = 1;
  first_measured = next_number;
  getrusage(RUSAGE_SELF, usage);
  say("begin");
}

static double milliseconds(struct timeval a, struct timeval b) {
  return (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_usec - a.tv_usec) / 1e3;
}

static void run(int timer) {
  struct rusage before, after;
  uint64_t began;
  if (plan.cycles) {
    publish_from = now;
    publish_until = UINT64_MAX;
    began = now;
    begin_window(&before);
    for (cycle(); cycles_done < plan.cycles; cycle()) turn(timer);
  } else {
    uint64_t limit = now + CONNECT_TIMEOUT_NS + connection_count * 1000000000ull / plan.connects_per_second;
    for (connect_due(); settled < connection_count && now < limit; connect_due()) turn(timer);
    say("connected");
    publish_from = now;
    publish_until = now + (plan.warmup_ms + plan.window_ms) * 1000000ull;
    run_until(now + plan.warmup_ms * 1000000ull, timer);
    began = now;
    begin_window(&before);
    run_until(publish_until, timer);
  }
  end_measured = next_number;
  is_measuring = 0;
  publish_until = now;
  uint64_t ended = now;
  getrusage(RUSAGE_SELF, &after);
  say("end");
  if (plan.events_per_second > 0)
    for (uint64_t n = publish_count_due; due_ns(n) < ended; n++) unsent++;
  while (now < ended + plan.drain_ms * 1000000ull && !has_all()) turn(timer);
  report((double)(ended - began) / 1e6, milliseconds(before.ru_utime, after.ru_utime),
         milliseconds(before.ru_stime, after.ru_stime));
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  plan = read_plan();
  if (!plan.publish_port) plan.publish_port = plan.port;
  poller = epoll_create1(EPOLL_CLOEXEC);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  watch(EPOLL_CTL_ADD, timer, EPOLLIN, NULL);
  now = clock_ns();
  prepare();
  now = clock_ns();
  run(timer);
  return 0;
}
