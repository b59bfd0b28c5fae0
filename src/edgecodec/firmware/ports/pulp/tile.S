/* The innermost loop on XpulpV2 with float16 SIMD: ec_pulp_add_<n>_row(s)(sums, segments, columns, count, pairs, more).
 *
 * Every sum stays in a register. The operands of the next pair are loaded between the multiplications of this one, as
 * soon as the last multiplication that wants the old ones is done: no instruction waits for a load. Two cores share a
 * floating-point unit, so that a tile that keeps it busy more than half of the time keeps it busy all of the time; four
 * rows do (16 of 24 instructions), and so do three (12 of 19) and two (8 of 14).
 */
#include "arithmetic.h"

#ifndef EC_LANES

    .option norvc /* the bodies of hardware loops */
    .option norelax

    /* sum += left[0] * right[0] + left[1] * right[1], rounded after every operation: vfdotpex.s.h */
    .macro add_products sum, left, right
    .insn r 0x33, 0, 0x4b, \sum, \left, \right
    .endm

    /* The word at `pointer`, which moves on: p.lw */
    .macro load_next register, pointer
    .insn i 0x0b, 2, \register, 4(\pointer)
    .endm

    /* Runs the next `instructions` instructions `count` times: lp.setup. Loop 0 may be inside loop 1. */
    .macro repeat loop, count, instructions
    .insn i 0x7b, 4, x\loop, \count, 2 * (\instructions)
    .endm

#define COLUMNS a2
#define SEGMENTS a1

#define SUM_0_0 s0
#define SUM_0_1 s1
#define SUM_0_2 s2
#define SUM_0_3 s3
#define SUM_1_0 s4
#define SUM_1_1 s5
#define SUM_1_2 s6
#define SUM_1_3 s7
#define SUM_2_0 s8
#define SUM_2_1 s9
#define SUM_2_2 s10
#define SUM_2_3 s11
#define SUM_3_0 a5
#define SUM_3_1 a6
#define SUM_3_2 a7
#define SUM_3_3 t6

#define ROW_0 t0
#define ROW_1 t1
#define ROW_2 t2
#define ROW_3 t3
#define POINTER_0 t4
#define POINTER_1 t5
#define POINTER_2 a3
#define POINTER_3 ra

#define EACH_SUM_OF(row, what) what(row, 0); what(row, 1); what(row, 2); what(row, 3)
#define EACH_SUM_OF_1(what) EACH_SUM_OF(0, what)
#define EACH_SUM_OF_2(what) EACH_SUM_OF_1(what); EACH_SUM_OF(1, what)
#define EACH_SUM_OF_3(what) EACH_SUM_OF_2(what); EACH_SUM_OF(2, what)
#define EACH_SUM_OF_4(what) EACH_SUM_OF_3(what); EACH_SUM_OF(3, what)
#define EACH_ROW_OF_1(what) what(0)
#define EACH_ROW_OF_2(what) EACH_ROW_OF_1(what); what(1)
#define EACH_ROW_OF_3(what) EACH_ROW_OF_2(what); what(2)
#define EACH_ROW_OF_4(what) EACH_ROW_OF_3(what); what(3)

#define LOAD_SUM(row, column) lw SUM_##row##_##column, (16 * row + 4 * column)(a0)
#define STORE_SUM(row, column) sw SUM_##row##_##column, (16 * row + 4 * column)(a0)
#define CLEAR_SUM(row, column) li SUM_##row##_##column, 0
#define LOAD_POINTER(row) load_next POINTER_##row, SEGMENTS
#define LOAD_ROW(row) load_next ROW_##row, POINTER_##row

/* Up to three rows leave registers for a weight of every column. */
#define WEIGHT_0 a0
#define WEIGHT_1 a5
#define WEIGHT_2 a6
#define WEIGHT_3 a7
#define PRODUCT(row, column) add_products SUM_##row##_##column, ROW_##row, WEIGHT_##column
#define LOAD_WEIGHT(column) load_next WEIGHT_##column, COLUMNS
#define PRODUCTS_0(row) PRODUCT(row, 0)
#define PRODUCTS_1(row) PRODUCT(row, 1)
#define PRODUCTS_2(row) PRODUCT(row, 2)
#define PRODUCTS_3(row) PRODUCT(row, 3); LOAD_ROW(row)
#define PAIR(each_row) \
    each_row(PRODUCTS_0); LOAD_WEIGHT(0); \
    each_row(PRODUCTS_1); LOAD_WEIGHT(1); \
    each_row(PRODUCTS_2); LOAD_WEIGHT(2); \
    each_row(PRODUCTS_3); LOAD_WEIGHT(3)

/* All segments. Loop 1 ends two instructions after loop 0, as the cores demand. */
#define MULTIPLY(rows, each_row) \
    LOAD_WEIGHT(0); LOAD_WEIGHT(1); LOAD_WEIGHT(2); LOAD_WEIGHT(3); \
    repeat 1, a3, 2 * rows + 1 + (5 * rows + 4) + 2; \
    each_row(LOAD_POINTER); \
    each_row(LOAD_ROW); \
    repeat 0, a4, 5 * rows + 4; \
    PAIR(each_row); \
    nop; \
    nop

    .macro save count
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    .if \number < \count
    sw   s\number, 4 * \number(sp)
    .endif
    .endr
    .endm

    .macro restore count
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    .if \number < \count
    lw   s\number, 4 * \number(sp)
    .endif
    .endr
    .endm

    .macro function name
    .section .text.\name, "ax"
    .globl \name
    .balign 4
\name:
    .endm

function ec_pulp_add_1_row
    addi sp, sp, -32
    save 4
    sw   a0, 16(sp)
    bnez a5, 1f
    EACH_SUM_OF_1(CLEAR_SUM)
    j    2f
1:  EACH_SUM_OF_1(LOAD_SUM)
2:
    MULTIPLY(1, EACH_ROW_OF_1)
    lw   a0, 16(sp)
    EACH_SUM_OF_1(STORE_SUM)
    restore 4
    addi sp, sp, 32
    ret

function ec_pulp_add_2_rows
    addi sp, sp, -48
    save 8
    sw   a0, 32(sp)
    bnez a5, 1f
    EACH_SUM_OF_2(CLEAR_SUM)
    j    2f
1:  EACH_SUM_OF_2(LOAD_SUM)
2:
    MULTIPLY(2, EACH_ROW_OF_2)
    lw   a0, 32(sp)
    EACH_SUM_OF_2(STORE_SUM)
    restore 8
    addi sp, sp, 48
    ret

/* POINTER_2 is the register that `count` comes in: loop 1 has taken it before the first pointer is loaded. */
function ec_pulp_add_3_rows
    addi sp, sp, -64
    save 12
    sw   a0, 48(sp)
    bnez a5, 1f
    EACH_SUM_OF_3(CLEAR_SUM)
    j    2f
1:  EACH_SUM_OF_3(LOAD_SUM)
2:
    MULTIPLY(3, EACH_ROW_OF_3)
    lw   a0, 48(sp)
    EACH_SUM_OF_3(STORE_SUM)
    restore 12
    addi sp, sp, 64
    ret

/* Four rows need every register. Two weights take turns, and `pairs` waits on the stack. */
#undef WEIGHT_0
#undef WEIGHT_1
#undef WEIGHT_2
#undef WEIGHT_3
#define WEIGHT_0 a0
#define WEIGHT_1 a4
#define WEIGHT_2 a0
#define WEIGHT_3 a4
#define PRODUCTS_OF_FOUR(column, next) \
    PRODUCT(1, column); LOAD_WEIGHT(next); PRODUCT(2, column); PRODUCT(3, column); PRODUCT(0, column)

function ec_pulp_add_4_rows
    addi sp, sp, -64
    save 12
    sw   a0, 48(sp)
    sw   a4, 52(sp)
    sw   ra, 56(sp)
    bnez a5, 1f
    EACH_SUM_OF_4(CLEAR_SUM)
    j    2f
1:  EACH_SUM_OF_4(LOAD_SUM)
2:
    LOAD_WEIGHT(0)
    repeat 1, a3, 10 + 24 + 2
    EACH_ROW_OF_4(LOAD_POINTER)
    lw   a4, 52(sp)
    EACH_ROW_OF_4(LOAD_ROW)
    repeat 0, a4, 24
    PRODUCTS_OF_FOUR(0, 1)
    PRODUCTS_OF_FOUR(1, 2)
    PRODUCTS_OF_FOUR(2, 3)
    PRODUCT(1, 3); LOAD_ROW(1); LOAD_WEIGHT(0)
    PRODUCT(2, 3); LOAD_ROW(2)
    PRODUCT(3, 3); LOAD_ROW(3)
    PRODUCT(0, 3); LOAD_ROW(0)
    nop
    nop
    lw   a0, 48(sp)
    EACH_SUM_OF_4(STORE_SUM)
    restore 12
    lw   ra, 56(sp)
    addi sp, sp, 64
    ret

/* ec_pulp_filter_4_rows(sums, row, column, pairs, step_bytes): one column, and rows that are equally far apart. */
function ec_pulp_filter_4_rows
    addi sp, sp, -16
    sw   a0, 0(sp)
    mv   t4, a1
    add  t5, t4, a4
    add  a6, t5, a4
    add  a7, a6, a4
    lw   a1, 0(a0)
    lw   a4, 4(a0)
    lw   a5, 8(a0)
    lw   t6, 12(a0)
    load_next a0, a2
    load_next t0, t4
    load_next t1, t5
    load_next t2, a6
    load_next t3, a7
    repeat 0, a3, 9
    add_products a1, t0, a0
    load_next t0, t4
    add_products a4, t1, a0
    load_next t1, t5
    add_products a5, t2, a0
    load_next t2, a6
    add_products t6, t3, a0
    load_next a0, a2
    load_next t3, a7
    lw   a0, 0(sp)
    sw   a1, 0(a0)
    sw   a4, 4(a0)
    sw   a5, 8(a0)
    sw   t6, 12(a0)
    addi sp, sp, 16
    ret

#endif
