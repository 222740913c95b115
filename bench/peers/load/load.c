// The load of the comparison: many SSE connections and a publisher at a fixed pace, in one thread with epoll, so that
// it takes little of the cores it shares with the server. Reads a plan (plan.h) from standard input, says on standard
// output, a JSON object per line, when it is connected and when the measuring window begins and ends, and last what it saw.

#include "load.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define READY_MAX 256
#define TICK_NS 1000000ull // paces, phases and slow readers need no finer step
#define CONNECT_TIMEOUT_NS 60000000000ull
#define CYCLES_SECONDS_MAX 600

Plan plan;
uint64_t now;
int is_measuring;
Event *events;
uint32_t events_max, next_number, first_measured, end_measured;

static void prepare(void) {
  double seconds = plan.cycles ? CYCLES_SECONDS_MAX : (plan.warmup_ms + plan.window_ms + 1000) / 1000.0;
  events_max = (uint32_t)(plan.events_per_second * seconds) + plan.burst + 8;
  events = calloc(events_max, sizeof(Event));
  first_measured = end_measured = UINT32_MAX;
  prepare_connections();
  prepare_publishers();
}

static void handle(Source *source, uint32_t ready) {
  if (source->fd < 0) return; // ended earlier in this round
  if (source->is_publisher) read_answer(source);
  else handle_connection(source, ready);
}

static void turn(int timer) {
  static struct epoll_event ready[READY_MAX];
  uint64_t wake = now + TICK_NS, due = next_publish_ns(), expirations;
  if (due > now && due < wake) wake = due;
  struct itimerspec at = {.it_value = {(time_t)(wake / 1000000000ull), (long)(wake % 1000000000ull)}};
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
  int count = epoll_wait(poller, ready, READY_MAX, -1);
  now = clock_ns();
  for (int i = 0; i < count; i++) {
    publish_due();
    if (ready[i].data.ptr) handle(ready[i].data.ptr, ready[i].events);
    else if (read(timer, &expirations, sizeof expirations) < 0) continue;
  }
  now = clock_ns();
  publish_due();
  read_slowly();
}

static void run_until(uint64_t end, int timer) {
  while (now < end) turn(timer);
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
    begin_publishing(UINT64_MAX);
    began = now;
    begin_window(&before);
    for (cycle(); cycles_done < plan.cycles; cycle()) turn(timer);
  } else {
    uint64_t limit = now + CONNECT_TIMEOUT_NS + connection_count * 1000000000ull / plan.connects_per_second;
    for (connect_due(); settled_count < connection_count && now < limit; connect_due()) turn(timer);
    say("connected");
    uint64_t until = now + (plan.warmup_ms + plan.window_ms) * 1000000ull;
    begin_publishing(until);
    run_until(now + plan.warmup_ms * 1000000ull, timer);
    began = now;
    begin_window(&before);
    run_until(until, timer);
  }
  end_measured = next_number;
  is_measuring = 0;
  end_publishing();
  uint64_t ended = now;
  getrusage(RUSAGE_SELF, &after);
  say("end");
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
