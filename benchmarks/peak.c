// Prints the FLOP per second of independent float32 multiply-adds in registers: the most that one core can do.
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <time.h>

#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif
typedef float lanes __attribute__((vector_size(BYTES)));

enum { chains = 12, rounds = 200000, repeats = 20 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(void) {
  lanes sums[chains], factor = {0}, term = {0};
  factor += 0.5f;
  term += 1.0f;
  for (int i = 0; i < chains; ++i) sums[i] = term * (float)i;
  double best = 1e9;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const double start = now();
    for (long round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
      for (int i = 0; i < chains; ++i) sums[i] = sums[i] * factor + term;
    }
    const double seconds = now() - start;
    if (seconds < best) best = seconds;
  }
  float total = 0;
  for (int i = 0; i < chains; ++i) total += sums[i][0];
  volatile float used = total;
  (void)used;
  printf("%.6e\n", 2.0 * rounds * chains * (double)(BYTES / sizeof(float)) / best);
  return 0;
}
