#include "team.h"

#include "pulp.h"

/* Worker 0 does the fetching. Its `port` is the set of transfers under way, one bit for each, kept near in L1. */
static uint32_t under_way(const ec_team *team) {
    return (uint32_t)(uintptr_t)team->port;
}

static void barrier(ec_team *team) {
    for (uint32_t transfer = 0, rest = under_way(team); rest != 0; transfer++, rest >>= 1) {
        if (rest & 1) {
            pulp_wait(transfer);
        }
    }
    team->port = NULL;
    pulp_barrier();
}

static const void *fetch(ec_team *team, void *scratch, const void *source, size_t bytes) {
    if (pulp_in_l1(source)) {
        return source;
    }
    if (team->worker == 0) {
        const uint32_t transfer = UINT32_C(1) << pulp_copy_to_l1(scratch, source, bytes);
        team->port = (void *)(uintptr_t)(under_way(team) | transfer);
    }
    return scratch;
}

ec_team ec_pulp_team(uint32_t core) {
    const ec_team team = {.worker = core, .workers = PULP_CORES, .barrier = barrier, .fetch = fetch, .port = NULL};
    return team;
}
