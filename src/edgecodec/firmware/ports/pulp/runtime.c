#include "pulp.h"

#include "hexadecimal.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

enum {
    CONSOLE = 0x1A10F000,       /* + cluster << 7 + core << 3: store a byte */
    SOC_STATUS = 0x1A1040A0,    /* bit 31: end of the simulation; below: the status */
    CLUSTER_FETCH = 0x10200008, /* mask of the cores that run */
    CLUSTER_BOOT = 0x10200040,  /* + 4 * core: boot address */
    CLUSTER_CACHE = 0x10201400, /* instruction cache enable */

    /* Event unit; every core sees its own at the same address. */
    EVENT_MASK_AND = 0x10204004,   /* events that no longer wake the core */
    EVENT_MASK_OR = 0x10204008,    /* events that do from now on */
    EVENT_WAIT_CLEAR = 0x1020403C,
    BARRIER_TRIGGER_MASK = 0x10204200, /* cores that must arrive */
    BARRIER_TARGET_MASK = 0x1020420C,  /* cores that are woken */
    BARRIER_TRIGGER_WAIT_CLEAR = 0x1020421C,
    EVENT_DMA = 1 << 8,
    EVENT_BARRIER = 1 << 16,

    /* Cluster DMA (mchan). A read of the command register reserves a transfer; three writes describe it. */
    DMA_COMMAND = 0x10204400,
    DMA_STATUS = 0x10204404, /* read: transfers under way; write: transfers to give back */
    DMA_TO_L1 = 1 << 17,
    DMA_INCREMENT = 1 << 18,
    DMA_EVENT = 1 << 20,
    DMA_LONGEST = 1 << 16,

    ALL_CORES = (1 << PULP_CORES) - 1,
};

extern uint32_t core_stacks[];

/* p.elw: a load that lets the core sleep until the event unit answers. No registry compiler knows it by name. */
static inline void load_event(uintptr_t address) {
    uint32_t events;
    __asm__ volatile(".insn i 0x03, 6, %0, 0(%1)" : "=r"(events) : "r"(address) : "memory");
}

/* Called by start.S. */
void pulp_wake_cluster(void (*entry)(void));
_Noreturn void pulp_trap(uint32_t cause, uint32_t address, uint32_t hart);

void pulp_wake_cluster(void (*entry)(void)) {
    REGISTER(CLUSTER_CACHE) = UINT32_MAX;
    for (uint32_t core = 0; core < PULP_CORES; core++) {
        REGISTER(CLUSTER_BOOT + 4 * core) = (uint32_t)(uintptr_t)entry;
    }
    REGISTER(CLUSTER_FETCH) = 1;
}

void pulp_start_workers(void) {
    REGISTER(BARRIER_TRIGGER_MASK) = ALL_CORES;
    REGISTER(BARRIER_TARGET_MASK) = ALL_CORES;
    REGISTER(CLUSTER_FETCH) = ALL_CORES;
}

void pulp_barrier_join(void) {
    REGISTER(EVENT_MASK_OR) = EVENT_BARRIER;
}

void pulp_barrier(void) {
    load_event(BARRIER_TRIGGER_WAIT_CLEAR);
}

static pulp_transfer start_transfer(const void *l1, const void *l2, size_t bytes, uint32_t direction) {
    const uint32_t transfer = REGISTER(DMA_COMMAND);
    do {
        const size_t part = bytes < DMA_LONGEST ? bytes : DMA_LONGEST;
        REGISTER(DMA_COMMAND) = (uint32_t)part | direction | DMA_INCREMENT | DMA_EVENT;
        REGISTER(DMA_COMMAND) = (uint32_t)(uintptr_t)l1;
        REGISTER(DMA_COMMAND) = (uint32_t)(uintptr_t)l2;
        l1 = (const char *)l1 + part;
        l2 = (const char *)l2 + part;
        bytes -= part;
    } while (bytes > 0);
    return transfer;
}

pulp_transfer pulp_copy_to_l1(void *l1, const void *l2, size_t bytes) {
    return start_transfer(l1, l2, bytes, DMA_TO_L1);
}

pulp_transfer pulp_copy_to_l2(void *l2, const void *l1, size_t bytes) {
    return start_transfer(l1, l2, bytes, 0);
}

void pulp_wait(pulp_transfer transfer) {
    REGISTER(EVENT_MASK_OR) = EVENT_DMA;
    while (REGISTER(DMA_STATUS) >> transfer & 1) {
        load_event(EVENT_WAIT_CLEAR);
    }
    REGISTER(EVENT_MASK_AND) = EVENT_DMA;
    REGISTER(DMA_STATUS) = UINT32_C(1) << transfer;
}

bool pulp_in_l1(const void *address) {
    return (uintptr_t)address - PULP_L1_ORIGIN < PULP_L1_BYTES;
}

void pulp_put(const char *text) {
    uint32_t hart;
    __asm__("csrr %0, mhartid" : "=r"(hart));
    volatile char *console = (volatile char *)(uintptr_t)(CONSOLE + (hart >> 5 << 7) + ((hart & 31) << 3));
    while (*text != '\0') {
        *console = *text++;
    }
}

uint32_t pulp_deepest_stack(void) {
    const uint32_t words = PULP_CORE_STACK_BYTES / 4;
    uint32_t deepest = 0;
    for (uint32_t core = 0; core < PULP_CORES; core++) {
        const uint32_t *stack = core_stacks + core * words;
        uint32_t untouched = 0;
        while (untouched < words && stack[untouched] == PULP_STACK_PAINT) {
            untouched++;
        }
        const uint32_t used = PULP_CORE_STACK_BYTES - 4 * untouched;
        deepest = used > deepest ? used : deepest;
    }
    return deepest;
}

_Noreturn void pulp_exit(uint32_t status) {
    REGISTER(SOC_STATUS) = UINT32_C(1) << 31 | status;
    for (;;) {
    }
}

_Noreturn void pulp_trap(uint32_t cause, uint32_t address, uint32_t hart) {
    pulp_put("trap, cause ");
    put_hexadecimal(pulp_put, cause);
    pulp_put(", at ");
    put_hexadecimal(pulp_put, address);
    pulp_put(", hart ");
    put_hexadecimal(pulp_put, hart);
    pulp_put("\n");
    pulp_exit(1);
}
