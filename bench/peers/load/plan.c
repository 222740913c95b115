// Reads the plan.

#include "plan.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *what, const char *got) {
  fprintf(stderr, "load: %s %s\n", what, got);
  exit(2);
}

static Request read_request(size_t length) {
  Request request = {malloc(length + 1), length};
  if (fread(request.bytes, 1, length, stdin) != length) die("the plan ends inside", "a request");
  request.bytes[length] = 0;
  getchar(); // the line's end
  return request;
}

static void read_group(Plan *plan, const char *line) {
  if (plan->group_count == GROUPS_MAX) die("too many groups:", line);
  Group *group = &plan->groups[plan->group_count++];
  unsigned count;
  if (sscanf(line, "group %31s %u %d %d %d %u", group->name, &group->connections, &group->bytes_per_second,
             &group->receive_buffer, &group->is_checked, &count) != 6)
    die("not a group:", line);
  group->requests = calloc(count, sizeof(Request));
  for (; group->request_count < count; group->request_count++) {
    size_t length;
    if (scanf("request %zu", &length) != 1) die("expected a request in", group->name);
    getchar();
    group->requests[group->request_count] = read_request(length);
  }
}

Plan read_plan(void) {
  Plan plan = {.publishers = 1, .burst = 1, .drain_ms = 2000, .connects_per_second = 2000, .connecting_max = 64};
  char line[256];
  while (fgets(line, sizeof line, stdin)) {
    char name[32] = "";
    double value = 0;
    sscanf(line, "%31s %lf", name, &value);
    unsigned number = (unsigned)value;
    if (!strcmp(name, "run")) return plan;
    if (!strcmp(name, "group")) read_group(&plan, line);
    else if (!strcmp(name, "publish")) {
      if (plan.publish_count == PUBLISHES_MAX) die("too many publishes:", line);
      plan.publishes[plan.publish_count++] = read_request(number);
    } else if (!strcmp(name, "port")) plan.port = number;
    else if (!strcmp(name, "publish-port")) plan.publish_port = number;
    else if (!strcmp(name, "publishers")) plan.publishers = number;
    else if (!strcmp(name, "events-per-second")) plan.events_per_second = value;
    else if (!strcmp(name, "burst")) plan.burst = number;
    else if (!strcmp(name, "warmup-ms")) plan.warmup_ms = number;
    else if (!strcmp(name, "window-ms")) plan.window_ms = number;
    else if (!strcmp(name, "drain-ms")) plan.drain_ms = number;
    else if (!strcmp(name, "connects-per-second")) plan.connects_per_second = number;
    else if (!strcmp(name, "connecting-max")) plan.connecting_max = number;
    else if (!strcmp(name, "cycles")) plan.cycles = number;
    else if (!strcmp(name, "life-ms")) plan.life_ms = number;
    else if (!strcmp(name, "life-from-answer")) plan.is_life_from_answer = number != 0;
    else die("not known in a plan:", line);
  }
  die("the plan ends without", "run");
  return plan;
}
