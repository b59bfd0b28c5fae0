/* Boot of a PULP chip: one fabric controller in L2, eight cluster cores in L1.
 *
 * The loader starts the fabric controller at _start. It clears .bss, wakes cluster core 0 and sleeps. Every cluster
 * core enters at cluster_start, takes its stack from the top of L1, paints it and calls cluster_main(core). */
#include "pulp.h"

    .globl core_stacks
    .set core_stacks, PULP_L1_ORIGIN + PULP_L1_BYTES - PULP_CORES * PULP_CORE_STACK_BYTES

    .option norelax
    .option norvc

    .section .vectors, "ax"
    .balign 256
vectors:
    .rept 32                    /* exceptions come by entry 0, interrupts are never enabled */
    j trap
    .endr

    .section .text.start, "ax"
    .globl _start
_start:
    la   t0, vectors
    csrw mtvec, t0
    la   sp, fabric_stack_top
    la   t0, bss_start
    la   t1, bss_end
1:  bgeu t0, t1, 2f
    sw   zero, 0(t0)
    addi t0, t0, 4
    j    1b
2:  la   a0, cluster_start
    call pulp_wake_cluster
3:  wfi
    j    3b

cluster_start:
    la   t0, vectors
    csrw mtvec, t0
    csrr a0, mhartid
    andi a0, a0, 0x1f
    li   t0, PULP_CORE_STACK_BYTES
    mul  t1, a0, t0
    li   t2, core_stacks
    add  t1, t1, t2             /* lowest word of this core's stack */
    add  sp, t1, t0
    li   t2, PULP_STACK_PAINT
4:  sw   t2, 0(t1)
    addi t1, t1, 4
    bltu t1, sp, 4b
    call cluster_main

trap:                           /* does not return, so it may take any stack: a broken one may be the cause */
    la   sp, fabric_stack_top
    csrr a0, mcause
    csrr a1, mepc
    csrr a2, mhartid
    call pulp_trap
