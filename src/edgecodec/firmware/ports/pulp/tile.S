/* The innermost loops on XpulpV2 with float16 SIMD: what tile.h and fused.h declare as ec_pulp_*.
 *
 * Every sum stays in a register. The operands of the next pair are loaded between the multiplications of this one, as
 * soon as the last multiplication that wants the old ones is done: no instruction waits for a load. Two cores share a
 * floating-point unit, so that a tile that keeps it busy more than half of the time keeps it busy all of the time; four
 * rows do (16 of 24 instructions), and so do three (12 of 19) and two (8 of 14). Loads that follow each other would let
 * it idle where both cores are at them, so that there is a multiplication between any two.
 *
 * What surrounds a loop is kept short for another reason: a core has 128 instructions near, and waits for others.
 */
#include "arithmetic.h"

#ifndef EC_LANES

    /* sum += left[0] * right[0] + left[1] * right[1], rounded after every operation: vfdotpex.s.h */
    .macro add_products sum, left, right
    .insn r 0x33, 0, 0x4b, \sum, \left, \right
    .endm

    /* Two floats, rounded, side by side: vfcpka.h.s */
    .macro to_pair pair, first, second
    .insn r 0x33, 2, 0x58, \pair, \first, \second
    .endm

#include "loops.h"

#define SEGMENTS a1

#define EACH_COLUMN(what) what(0); what(1); what(2); what(3)
#define EACH_SUM_OF(row, what) what(row, 0); what(row, 1); what(row, 2); what(row, 3)
#define EACH_SUM_OF_1(what) EACH_SUM_OF(0, what)
#define EACH_SUM_OF_2(what) EACH_SUM_OF_1(what); EACH_SUM_OF(1, what)
#define EACH_SUM_OF_3(what) EACH_SUM_OF_2(what); EACH_SUM_OF(2, what)
#define EACH_SUM_OF_4(what) EACH_SUM_OF_3(what); EACH_SUM_OF(3, what)

#define LOAD_SUM(row, column) lw SUM_##row##_##column, (16 * row + 4 * column)(a0)
#define STORE_SUM(row, column) sw SUM_##row##_##column, (16 * row + 4 * column)(a0)
#define CLEAR_SUM(row, column) li SUM_##row##_##column, 0
#define LOAD_POINTER(row) load_next POINTER_##row, SEGMENTS

/* Up to three rows: all a3 segments, of a4 pairs. Loop 1 ends two instructions after loop 0, as the cores demand.
 * POINTER_2 is the register that the number of segments comes in: loop 1 has taken it before that pointer is loaded. */
#define ADD(rows) \
    addi sp, sp, -(16 * rows + 16); \
    save 4 * rows; \
    sw   a0, (16 * rows)(sp); \
    EACH_SUM_OF_##rows(LOAD_SUM); \
    LOAD_WEIGHTS; \
    repeat 1, a3, 2 * rows + 1 + (5 * rows + 4) + 2; \
    EACH_ROW_OF_##rows(LOAD_POINTER); \
    EACH_ROW_OF_##rows(LOAD_ROW); \
    PAIRS(rows); \
    nop; \
    nop; \
    lw   a0, (16 * rows)(sp); \
    EACH_SUM_OF_##rows(STORE_SUM); \
    restore 4 * rows; \
    addi sp, sp, 16 * rows + 16; \
    ret

function ec_pulp_add_1_row
    ADD(1)

function ec_pulp_add_2_rows
    ADD(2)

function ec_pulp_add_3_rows
    ADD(3)

/* ec_pulp_search_<n>_row(s)(search): an ec_pulp_search. The registers that the loop needs no more hold: */
#define SEARCH_ROWS 0
#define SEARCH_PANEL 16
#define SEARCH_PAIRS 20
#define SEARCH_PANELS 24
#define SEARCH_WORD 28
#define SEARCH_NEAREST 32

#define NEAREST a1
#define MINUS_TWO a3
#define FIRST_WORD ra
#define WORD a4
#define LEAST t4

#define SEARCH_POINTER(row) lw POINTER_##row, (SEARCH_ROWS + 4 * row)(a1)
#define LOAD_OF_COLUMN(column) lw t##column, (4 * column)(a0)
/* Norm - 2 * product. Twice a product is exact. */
#define DISTANCE(row, column) fmadd.s SUM_##row##_##column, SUM_##row##_##column, MINUS_TWO, t##column
#define COMPARE(row) \
    EACH_SUM_OF(row, DISTANCE); \
    fmin.s LEAST, SUM_##row##_0, SUM_##row##_1; \
    fmin.s t5, SUM_##row##_2, SUM_##row##_3; \
    fmin.s LEAST, LEAST, t5; \
    lw   t5, (8 * row)(NEAREST); \
    flt.s t5, LEAST, t5; \
    bnez t5, 2##row##f; \
3##row:
/* A nearer codeword, which is rare: the first column that has the least distance. */
#define TAKE(row) \
2##row: \
    sw   LEAST, (8 * row)(NEAREST); \
    mv   WORD, FIRST_WORD; \
    feq.s t5, SUM_##row##_0, LEAST; \
    bnez t5, 4f; \
    addi WORD, WORD, 1; \
    feq.s t5, SUM_##row##_1, LEAST; \
    bnez t5, 4f; \
    addi WORD, WORD, 1; \
    feq.s t5, SUM_##row##_2, LEAST; \
    bnez t5, 4f; \
    addi WORD, WORD, 1; \
4:  sw   WORD, (8 * row + 4)(NEAREST); \
    j    3##row##b

#define SEARCH(rows, load_weights, pairs) \
    addi sp, sp, -64; \
    save 12; \
    sw   a0, 48(sp); \
    sw   ra, 56(sp); \
    mv   a1, a0; \
1: \
    EACH_ROW_OF_##rows(SEARCH_POINTER); \
    lw   COLUMNS, SEARCH_PANEL(a1); \
    lw   a4, SEARCH_PAIRS(a1); \
    addi COLUMNS, COLUMNS, 16; \
    EACH_SUM_OF_##rows(CLEAR_SUM); \
    EACH_ROW_OF_##rows(LOAD_ROW); \
    load_weights; \
    pairs; \
    lw   a1, 48(sp); \
    li   MINUS_TWO, 0xc0000000; \
    lw   a0, SEARCH_PANEL(a1); \
    lw   FIRST_WORD, SEARCH_WORD(a1); \
    EACH_COLUMN(LOAD_OF_COLUMN); \
    lw   NEAREST, SEARCH_NEAREST(a1); \
    EACH_ROW_OF_##rows(COMPARE) \
    lw   a1, 48(sp); \
    addi FIRST_WORD, FIRST_WORD, 4; \
    addi COLUMNS, COLUMNS, COLUMNS_BACK; \
    lw   t0, SEARCH_PANELS(a1); \
    sw   FIRST_WORD, SEARCH_WORD(a1); \
    sw   COLUMNS, SEARCH_PANEL(a1); \
    addi t0, t0, -1; \
    sw   t0, SEARCH_PANELS(a1); \
    bnez t0, 1b; \
    restore 12; \
    lw   ra, 56(sp); \
    addi sp, sp, 64; \
    ret; \
    EACH_ROW_OF_##rows(TAKE)

#define COLUMNS_BACK -16 /* a weight of every column has been read ahead */
function ec_pulp_search_1_row
    SEARCH(1, LOAD_WEIGHTS, PAIRS(1))

function ec_pulp_search_2_rows
    SEARCH(2, LOAD_WEIGHTS, PAIRS(2))

function ec_pulp_search_3_rows
    SEARCH(3, LOAD_WEIGHTS, PAIRS(3))

/* Four rows. */
#undef WEIGHT_1
#undef WEIGHT_2
#undef WEIGHT_3
#define WEIGHT_1 a4
#define WEIGHT_2 a0
#define WEIGHT_3 a4
#undef COLUMNS_BACK
#define COLUMNS_BACK -4
#define PRODUCTS_OF_FOUR(column, next) \
    PRODUCT(1, column); PRODUCT(2, column); PRODUCT(3, column); LOAD_WEIGHT(next); PRODUCT(0, column)
#define PAIRS_OF_FOUR \
    repeat 0, a4, 24; \
    PRODUCTS_OF_FOUR(0, 1); \
    PRODUCTS_OF_FOUR(1, 2); \
    PRODUCTS_OF_FOUR(2, 3); \
    LOAD_WEIGHT(0); \
    PRODUCT(1, 3); LOAD_ROW(1); \
    PRODUCT(2, 3); LOAD_ROW(2); \
    PRODUCT(3, 3); LOAD_ROW(3); \
    PRODUCT(0, 3); LOAD_ROW(0)

function ec_pulp_search_4_rows
    SEARCH(4, LOAD_WEIGHT(0), PAIRS_OF_FOUR)

function ec_pulp_add_4_rows
    addi sp, sp, -64
    save 12
    sw   a0, 48(sp)
    sw   a4, 52(sp)
    sw   ra, 56(sp)
    EACH_SUM_OF_4(LOAD_SUM)
    LOAD_WEIGHT(0)
    repeat 1, a3, 10 + 24 + 2
    EACH_ROW_OF_4(LOAD_POINTER)
    lw   a4, 52(sp)
    EACH_ROW_OF_4(LOAD_ROW)
    PAIRS_OF_FOUR
    nop
    nop
    lw   a0, 48(sp)
    EACH_SUM_OF_4(STORE_SUM)
    restore 12
    lw   ra, 56(sp)
    addi sp, sp, 64
    ret

/* ec_pulp_convolve_4_rows(convolution): an ec_pulp_convolution, whose fields are copied to the stack. */
#define FIELDS 52 /* of the stack */
#define INPUT 52
#define ROW_STEP 56
#define TAP_STEP 60
#define TILE_STEP 64
#define COUNT 68
#define PAIRS_OF_SEGMENT 72
#define PANEL 76
#define OUTPUT 80
#define RESIDUAL 84
#define OUTPUT_STEP 88
#define WHOLE 92
#define SLOPE 96
#define TILES 100

#define COPY_BIAS(row) \
    mv SUM_##row##_0, SUM_0_0; mv SUM_##row##_1, SUM_0_1; mv SUM_##row##_2, SUM_0_2; mv SUM_##row##_3, SUM_0_3
/* t4: residual, t5: how far its rows are apart. In the second pair of half a panel it is what lies behind it. */
#define ADD_RESIDUAL(row) \
    lw   t0, 0(t4); \
    lw   t2, 4(t4); \
    add  t4, t4, t5; \
    srli t1, t0, 16; \
    srli t3, t2, 16; \
    fcvt.s.h t0, t0; \
    fcvt.s.h t1, t1; \
    fcvt.s.h t2, t2; \
    fcvt.s.h t3, t3; \
    fadd.s SUM_##row##_0, SUM_##row##_0, t0; \
    fadd.s SUM_##row##_1, SUM_##row##_1, t1; \
    fadd.s SUM_##row##_2, SUM_##row##_2, t2; \
    fadd.s SUM_##row##_3, SUM_##row##_3, t3

/* t4: output, t5: how far its rows are apart, a4: slope, a3: whether there are four channels. Of a sum and the sum times
 * a slope that is not above 1, PReLU is the larger. */
#define SCALE(row, column) fmul.s t##column, SUM_##row##_##column, a4
#define ACTIVATE(row, column) fmax.s SUM_##row##_##column, SUM_##row##_##column, t##column
#define FINISH(row) \
    EACH_SUM_OF(row, SCALE); \
    EACH_SUM_OF(row, ACTIVATE); \
    to_pair SUM_##row##_0, SUM_##row##_0, SUM_##row##_1; \
    to_pair SUM_##row##_2, SUM_##row##_2, SUM_##row##_3; \
    sw   SUM_##row##_0, 0(t4); \
    beqz a3, 3f; \
    sw   SUM_##row##_2, 4(t4); \
3:  add  t4, t4, t5

function ec_pulp_convolve_4_rows
    addi sp, sp, -112
    save 12
    sw   ra, 48(sp)
    .irp field, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
    lw   t0, 4 * \field(a0)
    sw   t0, FIELDS + 4 * \field(sp)
    .endr
1:
    lw   COLUMNS, PANEL(sp)
    lw   t4, RESIDUAL(sp)
    load_next SUM_0_0, COLUMNS
    load_next SUM_0_1, COLUMNS
    load_next SUM_0_2, COLUMNS
    load_next SUM_0_3, COLUMNS
    lw   a3, COUNT(sp)
    COPY_BIAS(1)
    COPY_BIAS(2)
    COPY_BIAS(3)
    beqz t4, 2f
    lw   t5, OUTPUT_STEP(sp)
    EACH_ROW_OF_4(ADD_RESIDUAL)
    sw   t4, RESIDUAL(sp)
2:
    LOAD_WEIGHT(0)
    repeat 1, a3, 14 + 24 + 2
    lw   POINTER_0, INPUT(sp)
    lw   a4, TAP_STEP(sp)
    lw   t0, ROW_STEP(sp)
    add  a4, a4, POINTER_0
    sw   a4, INPUT(sp)
    add  POINTER_1, POINTER_0, t0
    add  POINTER_2, POINTER_1, t0
    add  POINTER_3, POINTER_2, t0
    lw   a4, PAIRS_OF_SEGMENT(sp)
    EACH_ROW_OF_4(LOAD_ROW)
    PAIRS_OF_FOUR
    nop
    nop
    lw   t4, OUTPUT(sp)
    lw   t5, OUTPUT_STEP(sp)
    lw   a4, SLOPE(sp)
    lw   a3, WHOLE(sp)
    EACH_ROW_OF_4(FINISH)
    lw   t0, INPUT(sp)
    lw   t1, TILE_STEP(sp)
    lw   t2, TILES(sp)
    sw   t4, OUTPUT(sp)
    add  t0, t0, t1
    addi t2, t2, -1
    sw   t0, INPUT(sp)
    sw   t2, TILES(sp)
    bnez t2, 1b
    restore 12
    lw   ra, 48(sp)
    addi sp, sp, 112
    ret

/* ec_pulp_filter(run): an ec_pulp_filter_run. */
#define ROW s0
#define TAPS s1
#define TAP_PAIRS s2
#define STEP s3
#define FILTERED s4
#define GROUPS s5
#define OVERFLOW s6
#define EXPONENTS s7
#define ONES s8

function ec_pulp_filter
    addi sp, sp, -48
    save 9
    lw   ROW, 0(a0)
    lw   TAPS, 4(a0)
    lw   TAP_PAIRS, 8(a0)
    lw   STEP, 12(a0)
    lw   FILTERED, 16(a0)
    lw   GROUPS, 20(a0)
    li   OVERFLOW, 0
    li   EXPONENTS, 0x7c007c00
    li   ONES, 0x04000400
1:
    mv   a1, ROW
    add  a2, a1, STEP
    add  a3, a2, STEP
    add  a4, a3, STEP
    add  ROW, a4, STEP
    mv   a5, TAPS
    li   t4, 0
    li   t5, 0
    li   t6, 0
    li   a7, 0
    load_next a6, a5
    load_next t0, a1
    load_next t1, a2
    load_next t2, a3
    load_next t3, a4
    repeat 0, TAP_PAIRS, 9
    add_products t4, t0, a6
    load_next t0, a1
    add_products t5, t1, a6
    load_next t1, a2
    add_products t6, t2, a6
    load_next t2, a3
    add_products a7, t3, a6
    load_next a6, a5
    load_next t3, a4
    to_pair t4, t4, t5
    to_pair t6, t6, a7
    sw   t4, 0(FILTERED)
    sw   t6, 4(FILTERED)
    and  t4, t4, EXPONENTS
    and  t6, t6, EXPONENTS
    add  t4, t4, ONES
    add  t6, t6, ONES
    or   OVERFLOW, OVERFLOW, t4
    or   OVERFLOW, OVERFLOW, t6
    addi FILTERED, FILTERED, 8
    addi GROUPS, GROUPS, -1
    bnez GROUPS, 1b
    li   a0, 0x80008000
    and  a0, a0, OVERFLOW
    restore 9
    addi sp, sp, 48
    ret

#endif
