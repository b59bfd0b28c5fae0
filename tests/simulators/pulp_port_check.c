/* What the port to the PULP cluster promises, checked on the cluster itself. Prints `ok <promise>` or `broken <promise>`.
 *
 * With MISBEHAVE defined, it does that at the end instead of leaving.
 */
#include "pulp.h"

enum { ROUNDS = 50, BYTES = 5000, GUARD = 0xa5 };

static uint8_t l2_source[BYTES + 4];
static uint8_t l2_target[BYTES + 8];
static PULP_L1 uint8_t l1_copy[PULP_CORES * 512 + BYTES];
static PULP_L1 uint32_t arrived[PULP_CORES];
static PULP_L1 uint32_t faults[PULP_CORES];

static void report(const char *promise, bool kept) {
    pulp_put(kept ? "ok " : "broken ");
    pulp_put(promise);
    pulp_put("\n");
}

/* Nobody leaves the barrier before everybody has come, however late. */
static uint32_t early_departures(uint32_t core) {
    uint32_t early = 0;
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        for (volatile uint32_t delay = 0; delay < core * round % 13; delay++) {
        }
        arrived[core] = round;
        pulp_barrier();
        for (uint32_t other = 0; other < PULP_CORES; other++) {
            early += arrived[other] != round;
        }
        pulp_barrier();
    }
    return early;
}

static uint32_t wrong_bytes(const uint8_t *actual, const uint8_t *expected, uint32_t bytes) {
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < bytes; i++) {
        wrong += actual[i] != expected[i];
    }
    return wrong;
}

/* There and back, at any alignment and length, and not a byte more. */
static bool copies_exactly(void) {
    static const uint32_t lengths[] = {1, 2, 3, 4, 7, 8, 9, 64, 100, 4096, 4999};
    uint32_t wrong = 0;
    for (uint32_t shift = 0; shift < 4; shift++) {
        for (uint32_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            const uint32_t bytes = lengths[i];
            l1_copy[bytes] = GUARD;
            l2_target[shift + bytes] = GUARD;
            pulp_wait(pulp_copy_to_l1(l1_copy, l2_source + shift, bytes));
            pulp_wait(pulp_copy_to_l2(l2_target + shift, l1_copy, bytes));
            wrong += wrong_bytes(l1_copy, l2_source + shift, bytes) + (l1_copy[bytes] != GUARD);
            wrong += wrong_bytes(l2_target + shift, l2_source + shift, bytes) + (l2_target[shift + bytes] != GUARD);
        }
    }
    return wrong == 0;
}

/* A double buffer: two transfers under way on every core, awaited in order. */
static uint32_t wrong_in_double_buffer(uint32_t core) {
    uint8_t *first = l1_copy + core * 512, *second = first + 256;
    const uint8_t *source = l2_source + core * 512;
    const pulp_transfer one = pulp_copy_to_l1(first, source, 256);
    const pulp_transfer two = pulp_copy_to_l1(second, source + 256, 256);
    pulp_wait(one);
    const uint32_t wrong = wrong_bytes(first, source, 256);
    pulp_wait(two);
    return wrong + wrong_bytes(second, source + 256, 256);
}

static bool none(const uint32_t *counts) {
    uint32_t sum = 0;
    for (uint32_t core = 0; core < PULP_CORES; core++) {
        sum += counts[core];
    }
    return sum == 0;
}

__attribute__((noinline)) static void use_stack(void) {
    volatile uint8_t used[600];
    for (uint32_t i = 0; i < sizeof used; i++) {
        used[i] = 1;
    }
}

_Noreturn void cluster_main(uint32_t core) {
    if (core == 0) {
        for (uint32_t i = 0; i < sizeof l2_source; i++) {
            l2_source[i] = (uint8_t)(i * i >> 3);
        }
        pulp_start_workers();
    }
    pulp_barrier_join();
    faults[core] = early_departures(core);
    pulp_barrier();
    if (core == 0) {
        report("barrier", none(faults));
        report("copy", copies_exactly());
    }
    pulp_barrier();
    faults[core] = wrong_in_double_buffer(core);
    pulp_barrier();
    if (core == 0) {
        report("double buffer", none(faults));
        report("addresses", pulp_in_l1(l1_copy) && !pulp_in_l1(l2_source));
        const uint32_t before = pulp_cycles();
        const uint32_t shallow = pulp_deepest_stack();
        report("clock", pulp_cycles() - before > 100);
        use_stack();
        const uint32_t deep = pulp_deepest_stack();
        report("stack", shallow < 600 && deep > 600 && deep <= PULP_CORE_STACK_BYTES);
        MISBEHAVE;
        pulp_exit(STATUS);
    }
    for (;;) {
        pulp_barrier();
    }
}
