#define _POSIX_C_SOURCE 200112L

#include "threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

typedef struct crew {
    pthread_mutex_t gate; /* closed until all threads are there, or it is known that they will not be */
    pthread_barrier_t meeting;
    bool complete;
    void (*work)(void *argument, ec_team *team);
    void *argument;
} crew;

typedef struct member {
    ec_team team;
    pthread_t thread;
} member;

static crew *crew_of(ec_team *team) {
    return team->port;
}

static void barrier(ec_team *team) {
    pthread_barrier_wait(&crew_of(team)->meeting);
}

static const void *fetch(ec_team *team, void *scratch, const void *source, size_t bytes) {
    if (team->worker == 0) {
        memcpy(scratch, source, bytes);
    }
    return scratch;
}

static void *run(void *argument) {
    ec_team *team = argument;
    crew *own = crew_of(team);
    pthread_mutex_lock(&own->gate);
    pthread_mutex_unlock(&own->gate);
    if (own->complete) {
        own->work(own->argument, team);
    }
    return NULL;
}

int ec_run_threads(uint32_t workers, void (*work)(void *argument, ec_team *team), void *argument) {
    member members[EC_WORKERS_MAX];
    crew all = {.gate = PTHREAD_MUTEX_INITIALIZER, .complete = false, .work = work, .argument = argument};
    if (workers < 1 || workers > EC_WORKERS_MAX) {
        return EINVAL;
    }
    int error = pthread_barrier_init(&all.meeting, NULL, workers);
    if (error != 0) {
        return error;
    }
    uint32_t started = 0;
    pthread_mutex_lock(&all.gate);
    while (error == 0 && started < workers) {
        const ec_team team = {started, workers, barrier, fetch, &all};
        members[started].team = team;
        error = pthread_create(&members[started].thread, NULL, run, &members[started].team);
        if (error == 0) {
            started++;
        }
    }
    all.complete = error == 0;
    pthread_mutex_unlock(&all.gate);
    for (uint32_t i = 0; i < started; i++) {
        pthread_join(members[i].thread, NULL);
    }
    pthread_barrier_destroy(&all.meeting);
    return error;
}
