// Latencies in buckets of about 3 %, from a quarter of a microsecond to over an hour.
#pragma once
#include <stdint.h>
#include <stdio.h>

#define UNIT_NS 256
#define PER_OCTAVE 32 // must stay 1 << OCTAVE_BITS
#define OCTAVE_BITS 5
#define BUCKETS (PER_OCTAVE * 40)

typedef struct {
  uint64_t count, max_ns;
  uint64_t bucket[BUCKETS];
} Histogram;

static inline unsigned bucket_of(uint64_t ns) {
  uint64_t v = ns / UNIT_NS;
  if (v < 2 * PER_OCTAVE) return (unsigned)v;
  unsigned shift = 63 - (unsigned)__builtin_clzll(v) - OCTAVE_BITS;
  unsigned at = (shift << OCTAVE_BITS) + (unsigned)(v >> shift);
  return at < BUCKETS ? at : BUCKETS - 1;
}

// The middle of what a bucket holds.
static inline double bucket_ns(unsigned at) {
  if (at < 2 * PER_OCTAVE) return (at + 0.5) * UNIT_NS;
  unsigned shift = (at >> OCTAVE_BITS) - 1;
  uint64_t v = (uint64_t)(PER_OCTAVE + (at & (PER_OCTAVE - 1))) << shift;
  return (v + 0.5 * (double)(1ull << shift)) * UNIT_NS;
}

static inline void record(Histogram *h, uint64_t ns) {
  h->count++;
  if (ns > h->max_ns) h->max_ns = ns;
  h->bucket[bucket_of(ns)]++;
}

static inline double quantile_ms(const Histogram *h, double share) {
  uint64_t rank = (uint64_t)(share * (double)h->count), seen = 0;
  for (unsigned i = 0; i < BUCKETS; i++) {
    seen += h->bucket[i];
    // A bucket's value may be beyond the largest of what is in it.
    if (seen > rank) return (bucket_ns(i) < (double)h->max_ns ? bucket_ns(i) : (double)h->max_ns) / 1e6;
  }
  return (double)h->max_ns / 1e6;
}

// {"count":…,"p50":…} in milliseconds; null when nothing was recorded.
static inline void print_histogram(const char *name, const Histogram *h) {
  if (h->count == 0) {
    printf("\"%s\":null", name);
    return;
  }
  printf("\"%s\":{\"count\":%llu,\"p50\":%.4f,\"p90\":%.4f,\"p99\":%.4f,\"p999\":%.4f,\"max\":%.4f}", name,
         (unsigned long long)h->count, quantile_ms(h, 0.5), quantile_ms(h, 0.9), quantile_ms(h, 0.99),
         quantile_ms(h, 0.999), (double)h->max_ns / 1e6);
}
