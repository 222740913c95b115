// What the load says on standard output, a JSON object per line.

#include "load.h"
#include <stdio.h>

void say(const char *what) {
  printf("{\"at\":\"%s\"}\n", what);
  fflush(stdout);
}

void report(double window_ms, double user_ms, double system_ms) {
  static Histogram first, last;
  for (uint32_t n = first_measured; n < end_measured && n < next_number; n++) {
    const Event *event = &events[n];
    if (!event->first_ns) continue;
    record(&first, event->first_ns - event->sent_ns);
    record(&last, event->last_ns - event->sent_ns);
  }
  count_closed_unread();
  printf("{\"at\":\"done\",\"windowMs\":%.3f,\"cpuUserMs\":%.3f,\"cpuSystemMs\":%.3f,\"cycles\":%llu,", window_ms, user_ms,
         system_ms, (unsigned long long)cycles_done);
  printf("\"published\":%u,\"publishedInWindow\":%u,\"acknowledged\":%llu,\"refused\":%llu,\"late\":%llu,\"latestMs\":%.3f,"
         "\"unsent\":%llu,\"brokenPublishers\":%llu,",
         next_number, first_measured == UINT32_MAX ? 0 : end_measured - first_measured, (unsigned long long)publish_tally.acknowledged,
         (unsigned long long)publish_tally.refused, (unsigned long long)publish_tally.late, (double)publish_tally.latest_ns / 1e6, (unsigned long long)publish_tally.unsent,
         (unsigned long long)publish_tally.broken);
  print_histogram("answers", &publish_tally.latency);
  printf(",");
  print_histogram("first", &first);
  printf(",");
  print_histogram("last", &last);
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
