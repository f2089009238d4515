/* The most multiplies and adds per second that all threads together can do: independent fused multiply-adds on
 * registers and nothing else. Prints GFLOP/s.   cc -O3 -march=native -pthread peak.c -o peak; ./peak THREADS SECONDS */
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
    double best = 0.0;
    pthread_barrier_wait(&start);
    for (double begin = now(); now() - begin < seconds_per_thread;) {
        double before = now();
        for (int i = 0; i < 32; i++) value = spin(value);
        double rate = 32.0 * TURNS * CHAINS * LANES * 2.0 / (now() - before);
        if (rate > best) best = rate;
    }
    *(double *)result = value[0] > 1e30f ? 0.0 : best; /* the sum is used, or the loop would be removed */
    return NULL;
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    seconds_per_thread = argc > 2 ? atof(argv[2]) : 0.1;
    pthread_t ids[threads];
    double rates[threads], sum = 0.0;
    pthread_barrier_init(&start, NULL, threads);
    for (int i = 0; i < threads; i++) pthread_create(&ids[i], NULL, work, &rates[i]);
    for (int i = 0; i < threads; i++) pthread_join(ids[i], NULL), sum += rates[i];
    printf("%.1f\n", sum * 1e-9);
    return 0;
}
