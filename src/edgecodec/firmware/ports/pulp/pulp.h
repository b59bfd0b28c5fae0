/* A PULP chip as GVSOC's pulp-open models it, and GAP9 alike: memory, registers, barrier, DMA.
 *
 * One fabric controller (hart 992) boots and sleeps; PULP_CORES cluster cores (harts 0 ... PULP_CORES - 1) share L1 and work.
 * Floating-point values live in the integer registers (Zfinx, Zhinx). The build gives the sizes of L1:
 * PULP_L1_BYTES and, at its end, PULP_L1_STACK_BYTES for all stacks together. */
#ifndef PULP_H
#define PULP_H

#if !defined PULP_L1_BYTES || !defined PULP_L1_STACK_BYTES
#error "define PULP_L1_BYTES and PULP_L1_STACK_BYTES"
#endif

#ifndef PULP_CORES
#define PULP_CORES 8 /* that work; the chip may have more */
#endif
#define PULP_L1_ORIGIN 0x10000000
#define PULP_CORE_STACK_BYTES (PULP_L1_STACK_BYTES / PULP_CORES / 16 * 16)
#define PULP_STACK_PAINT 0x57ac57ac

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PULP_L1 __attribute__((section(".l1"))) /* places a variable in L1, which boot does not clear */

/* Clock cycles of the cluster since boot; one counter, the same for all cores. */
static inline uint32_t pulp_cycles(void) {
    uint32_t cycles;
    __asm__ volatile("csrr %0, mcycle" : "=r"(cycles)::"memory");
    return cycles;
}

/* Entry of the application, on every cluster core: core 0 first, the others once it calls pulp_start_workers. */
_Noreturn void cluster_main(uint32_t core);
void pulp_start_workers(void);

/* Hardware barrier over all cluster cores. Each joins once before it waits for the first time. */
void pulp_barrier_join(void);
void pulp_barrier(void);

/* Copies between L2 and L1 while the cores compute. At most 16 are under way in the cluster; the core that starts one
 * waits for it. */
typedef uint32_t pulp_transfer;
pulp_transfer pulp_copy_to_l1(void *l1, const void *l2, size_t bytes);
pulp_transfer pulp_copy_to_l2(void *l2, const void *l1, size_t bytes);
void pulp_wait(pulp_transfer transfer);
bool pulp_in_l1(const void *address);

void pulp_put(const char *text);           /* to the console, which shows whole lines */
uint32_t pulp_deepest_stack(void);         /* most bytes that any cluster core had on its stack */
_Noreturn void pulp_exit(uint32_t status); /* ends the simulation */

#endif
#endif
