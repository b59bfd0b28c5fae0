/* One worker at its share of the work. */
#ifndef EC_WORKER_H
#define EC_WORKER_H

#include "edgecodec.h"
#include "half.h"
#include "network.h"

typedef struct ec_worker {
    ec_team *team;
    uint8_t *arena;
    const uint8_t *weights;
    const uint8_t *codebooks;
    ec_half *zeros; /* as many as the widest row that a convolution reads */
    const ec_observer *observer; /* NULL: none */
} ec_worker;

typedef struct ec_range {
    uint32_t first;
    uint32_t end;
} ec_range;

/* The part of `whole` that belongs to this worker. */
static inline ec_range ec_share_of(const ec_worker *worker, ec_range whole) {
    const uint32_t workers = worker->team->workers;
    const uint32_t number = worker->team->worker;
    const uint32_t total = whole.end - whole.first;
    const ec_range share = {whole.first + total * number / workers, whole.first + total * (number + 1) / workers};
    return share;
}

/* The part of 0 .. total - 1 that belongs to this worker. */
static inline ec_range ec_share(const ec_worker *worker, uint32_t total) {
    const ec_range whole = {0, total};
    return ec_share_of(worker, whole);
}

static inline void ec_wait_for_all(const ec_worker *worker) {
    worker->team->barrier(worker->team);
}

static inline const void *ec_fetch(const ec_worker *worker, uint32_t scratch, const void *source, size_t bytes) {
#if EC_WORKERS_MAX == 1 /* its arena has no room for copies */
    (void)worker;
    (void)scratch;
    (void)bytes;
    return source;
#else
    return worker->team->fetch(worker->team, worker->arena + scratch, source, bytes);
#endif
}

static inline uint32_t ec_smaller(uint32_t left, uint32_t right) {
    return left < right ? left : right;
}

static inline uint32_t ec_larger(uint32_t left, uint32_t right) {
    return left > right ? left : right;
}

/* Arena, weights and codebooks are aligned, and so is every offset: the casts below are sound. */
static inline ec_half *ec_halves(const ec_worker *worker, uint32_t at) {
    return (ec_half *)(void *)(worker->arena + at);
}

static inline const float *ec_weight_floats(const ec_worker *worker, uint32_t at) {
    return (const float *)(const void *)(worker->weights + at);
}

/* Scratch for the energy that each rate leaves in the chosen regime. */
static inline float *ec_left_of(const ec_worker *worker, const ec_evidence *evidence) {
    return (float *)(void *)(worker->arena + evidence->left);
}

/* The same verdict for all workers: EC_OK if every one of them says so. */
ec_status ec_agree(const ec_worker *worker, ec_status own);

/* Tells the observer, if there is one, what a step gave. */
void ec_report(const ec_worker *worker, uint32_t step, const void *data, size_t bytes);

#endif
