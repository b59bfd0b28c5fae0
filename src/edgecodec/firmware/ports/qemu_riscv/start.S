/* Boot of one RISC-V core: paints the stack, clears .bss, calls program(). */
#include "qemu.h"

    .section .text.start, "ax"
    .globl _start
_start:
    la   t0, trap
    csrw mtvec, t0
    la   sp, stack_top
    la   t0, stack_bottom
    li   t1, QEMU_STACK_PAINT
1:  sw   t1, 0(t0)
    addi t0, t0, 4
    bltu t0, sp, 1b
    la   t0, bss_start
    la   t1, bss_end
2:  bgeu t0, t1, 3f
    sw   zero, 0(t0)
    addi t0, t0, 4
    j    2b
3:  call program

    .balign 4
trap:                           /* does not return, so it may take any stack: a broken one may be the cause */
    la   sp, stack_top
    csrr a0, mcause
    csrr a1, mepc
    call qemu_trap
