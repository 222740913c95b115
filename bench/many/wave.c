// Many clients that behave as EventSource does, from one address of their own, in one thread with epoll: they connect at
// once, come back after the server's `retry:` (3 s before it names one) when a connection ends or cannot be made, send the
// last id, and give up for good on any status but 200. Arguments: port, the first three numbers of the source addresses, how many
// clients. Four times a second, and as long as standard input is open, a line of JSON says how they are.

#define _GNU_SOURCE
#include "stream.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RETRY_MS 3000 // Chromium's, until the server names another
#define SAY_NS 250000000ull
#define LOOK_NS 20000000ull
#define EVENTS_MAX 8
#define READY_MAX 1024
// An address has 28,000 ports, even ones first. Once those are used up the kernel looks through all of them for each connect.
#define CLIENTS_PER_ADDRESS 10000

typedef enum { AWAY, CONNECTING, ASKING, OPEN, READY, FAILED } State;

typedef struct {
  int fd;
  State state;
  uint8_t got; // a bit per numbered event
  int retry_ms;
  uint64_t due_ns; // when it comes back
  char id[ID_BYTES];
  Stream *stream; // from the request on
} Client;

typedef struct {
  uint64_t received, last_ns;
} Tally;

static Client *clients;
static unsigned count;
static struct sockaddr_in server, sources[254];
static int poller;
static uint64_t now;
static unsigned in_state[FAILED + 1];
static Tally tallies[EVENTS_MAX];
// Connections not made; ended before a byte of an answer; ended while open; sent away with a goodbye; events that came twice.
static uint64_t unmade, unanswered, ended, byes, gaps, twice;
static int status_of_failure;

static void die(const char *what) {
  fprintf(stderr, "wave: %s: %s\n", what, strerror(errno));
  exit(2);
}

static uint64_t clock_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void enter(Client *c, State state) {
  in_state[c->state]--;
  c->state = state;
  in_state[state]++;
}

static void leave(Client *c) {
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
  if (c->stream && c->stream->retry_ms > 0) c->retry_ms = c->stream->retry_ms;
  free(c->stream);
  c->stream = NULL;
}

static void come_back_later(Client *c) {
  if (c->state == CONNECTING) unmade++;
  else if (c->state == ASKING) unanswered++;
  else ended++;
  leave(c);
  enter(c, AWAY);
  c->due_ns = now + (uint64_t)c->retry_ms * 1000000;
}

static void begin(Client *c) {
  int one = 1;
  enter(c, CONNECTING);
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) die("socket");
  struct sockaddr_in *source = &sources[(c - clients) / CLIENTS_PER_ADDRESS];
  // The port is chosen when the peer is known, because each may be in use towards another peer.
  setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  if (bind(c->fd, (struct sockaddr *)source, sizeof *source) != 0) die("bind");
  if (connect(c->fd, (struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS) {
    come_back_later(c);
    return;
  }
  struct epoll_event event = {.events = EPOLLOUT, .data.ptr = c};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) != 0) die("epoll_ctl");
}

static void ask(Client *c) {
  char request[512];
  int length = snprintf(request, sizeof request,
                        "GET /events?topic=wave HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n%s%s%s\r\n",
                        c->id[0] ? "Last-Event-ID: " : "", c->id, c->id[0] ? "\r\n" : "");
  c->stream = calloc(1, sizeof(Stream));
  enter(c, ASKING);
  // It is far smaller than a new socket's buffer.
  if (send(c->fd, request, (size_t)length, MSG_NOSIGNAL) != length) {
    come_back_later(c);
    return;
  }
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
}

static void on_event(void *context, const Stream *s) {
  Client *c = context;
  unsigned number;
  if (s->pending_id[0]) memcpy(c->id, s->pending_id, ID_BYTES);
  if (!strcmp(s->event, "tidemark.ready")) enter(c, READY);
  else if (!strcmp(s->event, "tidemark.bye")) byes++;
  else if (!strcmp(s->event, "tidemark.gap")) gaps++;
  else if (!s->event[0] && sscanf(s->data, "wave %u", &number) == 1 && number < EVENTS_MAX) {
    if (c->got & (1 << number)) twice++;
    else tallies[number].received++;
    c->got |= (uint8_t)(1 << number);
    tallies[number].last_ns = clock_ns();
  }
}

static void read_client(Client *c) {
  static char buffer[64 * 1024];
  ssize_t length = read(c->fd, buffer, sizeof buffer);
  if (length < 0 && errno == EAGAIN) return;
  if (length <= 0) {
    come_back_later(c);
    return;
  }
  if (c->state == ASKING) enter(c, OPEN);
  feed_stream(c->stream, buffer, (size_t)length, on_event, c);
  if (c->stream->status != 0 && c->stream->status != 200) {
    status_of_failure = c->stream->status;
    leave(c);
    enter(c, FAILED);
  } else if (c->stream->stage == OVER) come_back_later(c);
}

static void handle(Client *c) {
  int error = 0;
  socklen_t size = sizeof error;
  if (c->fd < 0) return;
  if (c->state != CONNECTING) {
    read_client(c);
    return;
  }
  getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error) come_back_later(c);
  else ask(c);
}

static void say(void) {
  printf("{\"ready\":%u,\"away\":%u,\"connecting\":%u,\"asking\":%u,\"failed\":%u,\"status\":%d,\"unmade\":%llu,"
         "\"unanswered\":%llu,\"ended\":%llu,\"byes\":%llu,\"gaps\":%llu,\"twice\":%llu,\"events\":[",
         in_state[READY], in_state[AWAY], in_state[CONNECTING], in_state[ASKING] + in_state[OPEN], in_state[FAILED],
         status_of_failure, (unsigned long long)unmade, (unsigned long long)unanswered, (unsigned long long)ended,
         (unsigned long long)byes, (unsigned long long)gaps, (unsigned long long)twice);
  for (unsigned i = 0; i < EVENTS_MAX; i++)
    printf("%s[%llu,%llu]", i ? "," : "", (unsigned long long)tallies[i].received,
           (unsigned long long)tallies[i].last_ns);
  printf("]}\n");
  fflush(stdout);
}

static void prepare(char **arguments) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  count = (unsigned)atoi(arguments[3]);
  for (unsigned i = 0; i <= count / CLIENTS_PER_ADDRESS; i++) {
    char address[32];
    snprintf(address, sizeof address, "%s.%u", arguments[2], i + 1);
    sources[i] = (struct sockaddr_in){.sin_family = AF_INET};
    if (inet_pton(AF_INET, address, &sources[i].sin_addr) != 1) die(address);
  }
  clients = calloc(count, sizeof(Client));
  in_state[AWAY] = count;
  for (unsigned i = 0; i < count; i++) clients[i] = (Client){.fd = -1, .state = AWAY, .retry_ms = RETRY_MS};
}

int main(int argument_count, char **arguments) {
  static struct epoll_event ready[READY_MAX];
  if (argument_count != 4) {
    fprintf(stderr, "wave: port, source network, number of clients\n");
    return 2;
  }
  // Its parent's death ends it, too: nobody reads what it says any more.
  signal(SIGPIPE, SIG_DFL);
  prepare(arguments);
  poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event orders = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &orders);
  uint64_t said = 0, looked = 0;
  for (;;) {
    now = clock_ns();
    if (now - looked >= LOOK_NS) {
      looked = now;
      for (unsigned i = 0; i < count; i++)
        if (clients[i].state == AWAY && clients[i].due_ns <= now) begin(&clients[i]);
    }
    if (now - said >= SAY_NS) {
      said = now;
      say();
    }
    int happened = epoll_wait(poller, ready, READY_MAX, 20);
    now = clock_ns();
    for (int i = 0; i < happened; i++) {
      if (!ready[i].data.ptr) return 0;
      handle(ready[i].data.ptr);
    }
  }
}
