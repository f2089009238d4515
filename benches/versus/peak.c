/* The most multiplies and adds per second that all threads together can do: independent fused multiply-adds on
 * registers and nothing else. Prints GFLOP/s twice: the best moment, then the mean, which falls behind the best when
 * other processes take their share.   cc -O3 -march=native -pthread peak.c -o peak; ./peak THREADS SECONDS */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX2__)
#define LANES 8
#else
#define LANES 4
#endif
#define CHAINS 12 /* latency 4 times two units, and some to spare; fits sixteen registers */
#define TURNS 4096
#define REPEATS 32
#define BLOCK ((double)REPEATS * TURNS * CHAINS * LANES * 2.0)

typedef float vector __attribute__((vector_size(4 * LANES)));

static double seconds_per_thread;
static pthread_barrier_t start;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static vector spin(vector seed) {
    vector a[CHAINS], scale = seed * 0.0f + 0.999f, shift = seed * 0.0f + 0.001f;
#pragma GCC unroll 12
    for (int k = 0; k < CHAINS; k++) a[k] = seed + (float)k;
    for (int turn = 0; turn < TURNS; turn++) {
#pragma GCC unroll 12
        for (int k = 0; k < CHAINS; k++) a[k] = a[k] * scale + shift;
    }
    vector sum = a[0];
#pragma GCC unroll 12
    for (int k = 1; k < CHAINS; k++) sum += a[k];
    return sum;
}

static void *work(void *result) {
    vector value = {1.0f};
    double best = 0.0, blocks = 0.0, begin;
    pthread_barrier_wait(&start);
    for (begin = now(); now() - begin < seconds_per_thread; blocks++) {
        double before = now();
        for (int i = 0; i < REPEATS; i++) value = spin(value);
        double rate = BLOCK / (now() - before);
        if (rate > best) best = rate;
    }
    double *rates = result;
    rates[0] = value[0] > 1e30f ? 0.0 : best; /* the sum is used, or the loop would be removed */
    rates[1] = blocks * BLOCK / (now() - begin);
    return NULL;
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    seconds_per_thread = argc > 2 ? atof(argv[2]) : 0.1;
    pthread_t ids[threads];
    double rates[threads][2], best = 0.0, mean = 0.0;
    pthread_barrier_init(&start, NULL, threads);
    for (int i = 0; i < threads; i++) pthread_create(&ids[i], NULL, work, rates[i]);
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        best += rates[i][0];
        mean += rates[i][1];
    }
    printf("%.1f %.1f\n", best * 1e-9, mean * 1e-9);
    return 0;
}
