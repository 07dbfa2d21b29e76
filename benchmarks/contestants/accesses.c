/* The program of benchmarks/fasttrack.py for tools that watch machine code: threads, locks, variables, sections.
 *
 *     accesses EVENTS_PER_THREAD
 *
 * 8 threads; each takes one of 50 locks, reads and writes 2 to 13 of the 40 variables of that lock, and releases it.
 * No race. Prints the number of events: acquires, releases, reads and writes of the variables.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 8, LOCKS = 50, VARIABLES = 2000, GROUP = VARIABLES / LOCKS };

static pthread_mutex_t locks[LOCKS];
static volatile long variables[VARIABLES];
static long limit;

static unsigned draw(unsigned *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void *body(void *argument) {
    unsigned state = (unsigned)(long)argument * 7919u + 1u;
    long events = 0, sum = 0;
    while (events < limit) {
        int lock = (int)(draw(&state) % LOCKS);
        int count = 2 + (int)(draw(&state) % 12);
        pthread_mutex_lock(&locks[lock]);
        for (int number = 0; number < count; number++) {
            int variable = lock * GROUP + (int)(draw(&state) % GROUP);
            if (draw(&state) % 10 < 3)
                variables[variable] = sum;
            else
                sum += variables[variable];
        }
        pthread_mutex_unlock(&locks[lock]);
        events += count + 2;
    }
    return (void *)events;
}

int main(int argc, char **argv) {
    pthread_t threads[THREADS];
    long events = 0;
    limit = argc > 1 ? atol(argv[1]) : 125000;
    for (int number = 0; number < LOCKS; number++)
        pthread_mutex_init(&locks[number], NULL);
    for (long number = 0; number < THREADS; number++)
        pthread_create(&threads[number], NULL, body, (void *)number);
    for (int number = 0; number < THREADS; number++) {
        void *done;
        pthread_join(threads[number], &done);
        events += (long)done;
    }
    printf("%ld\n", events);
    return 0;
}
