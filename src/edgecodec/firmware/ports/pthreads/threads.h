/* A team of POSIX threads. Like a cluster's DMA, it copies what it fetches into the scratch. */
#ifndef EC_THREADS_H
#define EC_THREADS_H

#include "edgecodec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Calls `work(argument, team)` on `workers` threads at once and waits for all. Returns 0, or an errno of pthreads. */
int ec_run_threads(uint32_t workers, void (*work)(void *argument, ec_team *team), void *argument);

#ifdef __cplusplus
}
#endif

#endif
