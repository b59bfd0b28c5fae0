/* Boot of one Cortex-M: paints the stack, clears .bss, lets the core use its float unit, calls program(). */
#include "qemu.h"

    .syntax unified
    .thumb

    .section .vectors, "a"
    .word stack_top
    .word _start
    .rept 13
    .word fault
    .endr
    .word qemu_timer_wrapped

    .section .text.start, "ax"
    .globl _start
    .thumb_func
_start:
    ldr  r0, =0xe000ed88        /* CPACR: coprocessors 10 and 11 */
    ldr  r1, [r0]
    orr  r1, r1, #0xf00000
    str  r1, [r0]
    dsb
    isb
    ldr  r0, =stack_bottom
    ldr  r1, =QEMU_STACK_PAINT
    mov  r2, sp
1:  str  r1, [r0], #4
    cmp  r0, r2
    blo  1b
    ldr  r0, =bss_start
    ldr  r1, =bss_end
    movs r2, #0
2:  cmp  r0, r1
    bhs  3f
    str  r2, [r0], #4
    b    2b
3:  bl   qemu_start_timer
    bl   program

    .thumb_func
fault:                          /* does not return, so it may take any stack: a broken one may be the cause */
    ldr  r0, =0xe000ed28        /* CFSR */
    ldr  r0, [r0]
    ldr  r1, [sp, #24]          /* the program counter that the core pushed */
    ldr  r2, =stack_top
    mov  sp, r2
    bl   qemu_trap
