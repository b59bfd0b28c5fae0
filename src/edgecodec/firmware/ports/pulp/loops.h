/* What the innermost loops of both arithmetics have in common: registers, and macros named as the manuals have them.
 * Who includes it defines the macro add_products first. */
#ifndef PULP_LOOPS_H
#define PULP_LOOPS_H

    .option norvc /* the bodies of hardware loops */
    .option norelax

    /* The word at `pointer`, which moves on: p.lw */
    .macro load_next register, pointer
    .insn i 0x0b, 2, \register, 4(\pointer)
    .endm

    /* Runs the next `instructions` instructions `count` times: lp.setup. Loop 0 may be inside loop 1. */
    .macro repeat loop, count, instructions
    .insn i 0x7b, 4, x\loop, \count, 2 * (\instructions)
    .endm

    /* The first `count` of the registers that a function keeps, to or from the stack. */
    .macro save count, instruction=sw
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    .if \number < \count
    \instruction s\number, 4 * \number(sp)
    .endif
    .endr
    .endm

    .macro restore count
    save \count, lw
    .endm

    .macro function name
    .section .text.\name, "ax"
    .globl \name
    .balign 16
\name:
    .endm

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
#define COLUMNS a2

#define EACH_ROW_OF_1(what) what(0)
#define EACH_ROW_OF_2(what) EACH_ROW_OF_1(what); what(1)
#define EACH_ROW_OF_3(what) EACH_ROW_OF_2(what); what(2)
#define EACH_ROW_OF_4(what) EACH_ROW_OF_3(what); what(3)

#define LOAD_ROW(row) load_next ROW_##row, POINTER_##row
#define LOAD_WEIGHT(column) load_next WEIGHT_##column, COLUMNS
#define LOAD_WEIGHTS LOAD_WEIGHT(0); LOAD_WEIGHT(1); LOAD_WEIGHT(2); LOAD_WEIGHT(3)
#define PRODUCT(row, column) add_products SUM_##row##_##column, ROW_##row, WEIGHT_##column

/* Up to three rows leave registers for a weight of every column; with four, which need every register, two take turns. */
#define WEIGHT_0 a0
#define WEIGHT_1 a5
#define WEIGHT_2 a6
#define WEIGHT_3 a7

/* a4 pairs of up to three rows. */
#define PRODUCTS_0(row) PRODUCT(row, 0)
#define PRODUCTS_1(row) PRODUCT(row, 1)
#define PRODUCTS_2(row) PRODUCT(row, 2)
#define PRODUCTS_3(row) PRODUCT(row, 3); LOAD_ROW(row)
#define PAIRS(rows) \
    repeat 0, a4, 5 * rows + 4; \
    EACH_ROW_OF_##rows(PRODUCTS_0); LOAD_WEIGHT(0); \
    EACH_ROW_OF_##rows(PRODUCTS_1); LOAD_WEIGHT(1); \
    EACH_ROW_OF_##rows(PRODUCTS_2); LOAD_WEIGHT(2); \
    EACH_ROW_OF_##rows(PRODUCTS_3); LOAD_WEIGHT(3)

#endif
