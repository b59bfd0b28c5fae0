/* The innermost loop of the arithmetic `lanes`, for cores with float16 SIMD but no vfdotpex.s.h: the functions that
 * tile.h declares, as in tile.S.
 *
 * A tile's lanes stay in registers for a run of EC_RUN_PAIRS, however many segments it takes; at its end they go to the
 * sums, which are in memory. As in tile.S, no instruction waits for a load.
 */
#include "arithmetic.h"

#ifdef EC_LANES

    .option norvc /* the bodies of hardware loops */
    .option norelax

    /* In both lanes: sum += left * right, rounded once: vfmac.h */
    .macro add_products sum, left, right
    .insn r 0x33, 2, 0x48, \sum, \left, \right
    .endm

    /* The word at `pointer`, which moves on: p.lw */
    .macro load_next register, pointer
    .insn i 0x0b, 2, \register, 4(\pointer)
    .endm

    /* Runs the next `instructions` instructions `count` times: lp.setup */
    .macro repeat count, instructions
    .insn i 0x7b, 4, x0, \count, 2 * (\instructions)
    .endm

    /* Two pairs of lanes to the sums at `sums`; the lanes begin anew. */
    .macro end_runs first, second, sums, offset, temporary0, temporary1
    fcvt.s.h \temporary0, \first
    srli \first, \first, 16
    fcvt.s.h \temporary1, \second
    srli \second, \second, 16
    fcvt.s.h \first, \first
    fcvt.s.h \second, \second
    fadd.s \temporary0, \temporary0, \first
    lw   \first, (\offset)(\sums)
    fadd.s \temporary1, \temporary1, \second
    lw   \second, (\offset + 4)(\sums)
    fadd.s \temporary0, \first, \temporary0
    li   \first, 0
    fadd.s \temporary1, \second, \temporary1
    li   \second, 0
    sw   \temporary0, (\offset)(\sums)
    sw   \temporary1, (\offset + 4)(\sums)
    .endm

#define SUMS a1
#define COLUMNS a2

#define LANES_0_0 s0
#define LANES_0_1 s1
#define LANES_0_2 s2
#define LANES_0_3 s3
#define LANES_1_0 s4
#define LANES_1_1 s5
#define LANES_1_2 s6
#define LANES_1_3 s7
#define LANES_2_0 s8
#define LANES_2_1 s9
#define LANES_2_2 s10
#define LANES_2_3 s11
#define LANES_3_0 a5
#define LANES_3_1 a6
#define LANES_3_2 a7
#define LANES_3_3 t6

#define ROW_0 t0
#define ROW_1 t1
#define ROW_2 t2
#define ROW_3 t3
#define POINTER_0 t4
#define POINTER_1 t5
#define POINTER_2 a3
#define POINTER_3 ra

/* In the frame, behind the saved registers. */
#define SEGMENTS 48(sp)
#define COUNT 52(sp)  /* of segments that are left */
#define PAIRS 56(sp)  /* of a segment */
#define LEFT 60(sp)   /* pairs of the segment */
#define ROOM 64(sp)   /* pairs until the run ends */
#define RETURN 68(sp)
#define FRAME 80

#define EACH_ROW_OF_1(what) what(0)
#define EACH_ROW_OF_2(what) EACH_ROW_OF_1(what); what(1)
#define EACH_ROW_OF_3(what) EACH_ROW_OF_2(what); what(2)
#define EACH_ROW_OF_4(what) EACH_ROW_OF_3(what); what(3)

#define CLEAR_LANES(row) \
    li LANES_##row##_0, 0; li LANES_##row##_1, 0; li LANES_##row##_2, 0; li LANES_##row##_3, 0
#define END_RUNS(row) \
    end_runs LANES_##row##_0, LANES_##row##_1, SUMS, 16*row, TEMPORARY_0, TEMPORARY_1; \
    end_runs LANES_##row##_2, LANES_##row##_3, SUMS, 16*row+8, TEMPORARY_0, TEMPORARY_1
#define LOAD_POINTER(row) load_next POINTER_##row, TEMPORARY_0
#define LOAD_ROW(row) load_next ROW_##row, POINTER_##row
#define PRODUCT(row, column) add_products LANES_##row##_##column, ROW_##row, WEIGHT_##column
#define LOAD_WEIGHT(column) load_next WEIGHT_##column, COLUMNS

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

#define BEGIN(saved, each_row) \
    addi sp, sp, -FRAME; \
    save saved; \
    sw   a1, SEGMENTS; \
    sw   a3, COUNT; \
    sw   a4, PAIRS; \
    mv   SUMS, a0; \
    each_row(CLEAR_LANES); \
    li   TEMPORARY_0, EC_RUN_PAIRS; \
    sw   TEMPORARY_0, ROOM

/* Its pointers and first pairs; a4: its pairs. */
#define BEGIN_SEGMENT(each_row) \
    lw   TEMPORARY_0, SEGMENTS; \
    lw   a4, COUNT; \
    each_row(LOAD_POINTER); \
    addi a4, a4, -1; \
    sw   TEMPORARY_0, SEGMENTS; \
    sw   a4, COUNT; \
    each_row(LOAD_ROW); \
    lw   a4, PAIRS

/* Of the a4 pairs that are left of the segment, a4 are added now: until it ends, or the run. The last segment ends the
 * run, however much room there is. */
#define DIVIDE \
    lw   TEMPORARY_0, ROOM; \
    bgeu TEMPORARY_0, a4, 4f; \
    sub  a4, a4, TEMPORARY_0; \
    sw   a4, LEFT; \
    mv   a4, TEMPORARY_0; \
    sw   zero, ROOM; \
    j    5f; \
4:  sub  TEMPORARY_0, TEMPORARY_0, a4; \
    sw   TEMPORARY_0, ROOM; \
    lw   TEMPORARY_0, COUNT; \
    sw   zero, LEFT; \
    bnez TEMPORARY_0, 5f; \
    sw   zero, ROOM; \
5:

/* Goes on at 3 with the segment, at 2 with the next one. */
#define GO_ON(each_row) \
    lw   TEMPORARY_0, ROOM; \
    lw   a4, LEFT; \
    bnez TEMPORARY_0, 6f; \
    each_row(END_RUNS); \
    li   TEMPORARY_0, EC_RUN_PAIRS; \
    lw   a4, LEFT; \
    sw   TEMPORARY_0, ROOM; \
6:  bnez a4, 3b; \
    lw   a4, COUNT; \
    bnez a4, 2b

/* Up to three rows leave registers for a weight of every column. */
#define WEIGHT_0 a0
#define WEIGHT_1 a5
#define WEIGHT_2 a6
#define WEIGHT_3 a7
#define TEMPORARY_0 t3
#define TEMPORARY_1 a4
#define PRODUCTS_0(row) PRODUCT(row, 0)
#define PRODUCTS_1(row) PRODUCT(row, 1)
#define PRODUCTS_2(row) PRODUCT(row, 2)
#define PRODUCTS_3(row) PRODUCT(row, 3); LOAD_ROW(row)
#define FUNCTION(rows, each_row) \
    BEGIN(4*rows, each_row); \
    LOAD_WEIGHT(0); LOAD_WEIGHT(1); LOAD_WEIGHT(2); LOAD_WEIGHT(3); \
2:  BEGIN_SEGMENT(each_row); \
3:  DIVIDE; \
    repeat a4, 5 * rows + 4; \
    each_row(PRODUCTS_0); LOAD_WEIGHT(0); \
    each_row(PRODUCTS_1); LOAD_WEIGHT(1); \
    each_row(PRODUCTS_2); LOAD_WEIGHT(2); \
    each_row(PRODUCTS_3); LOAD_WEIGHT(3); \
    GO_ON(each_row); \
    restore 4*rows; \
    addi sp, sp, FRAME; \
    ret

function ec_pulp_add_1_row
    FUNCTION(1, EACH_ROW_OF_1)

function ec_pulp_add_2_rows
    FUNCTION(2, EACH_ROW_OF_2)

function ec_pulp_add_3_rows
    FUNCTION(3, EACH_ROW_OF_3)

/* Four rows need every register: two weights take turns, and outside the loop leave theirs to others. */
#undef WEIGHT_0
#undef WEIGHT_1
#undef WEIGHT_2
#undef WEIGHT_3
#undef TEMPORARY_0
#define WEIGHT_0 a0
#define WEIGHT_1 a4
#define WEIGHT_2 a0
#define WEIGHT_3 a4
#define TEMPORARY_0 a0
#define PRODUCTS_OF_FOUR(column, next) \
    PRODUCT(1, column); LOAD_WEIGHT(next); PRODUCT(2, column); PRODUCT(3, column); PRODUCT(0, column)

function ec_pulp_add_4_rows
    BEGIN(12, EACH_ROW_OF_4)
    sw   ra, RETURN
2:  BEGIN_SEGMENT(EACH_ROW_OF_4)
3:  DIVIDE
    LOAD_WEIGHT(0)
    repeat a4, 24
    PRODUCTS_OF_FOUR(0, 1)
    PRODUCTS_OF_FOUR(1, 2)
    PRODUCTS_OF_FOUR(2, 3)
    PRODUCT(1, 3); LOAD_ROW(1); LOAD_WEIGHT(0)
    PRODUCT(2, 3); LOAD_ROW(2)
    PRODUCT(3, 3); LOAD_ROW(3)
    PRODUCT(0, 3); LOAD_ROW(0)
    addi COLUMNS, COLUMNS, -4 /* the weight that was loaded ahead */
    GO_ON(EACH_ROW_OF_4)
    restore 12
    lw   ra, RETURN
    addi sp, sp, FRAME
    ret

/* ec_pulp_filter_4_rows(sums, row, column, pairs, step_bytes): one column, and rows that are equally far apart. */
function ec_pulp_filter_4_rows
    addi sp, sp, -16
    save 4
    mv   t4, a1
    add  t5, t4, a4
    add  a6, t5, a4
    add  a7, a6, a4
    load_next t6, a2
    load_next t0, t4
    load_next t1, t5
    load_next t2, a6
    load_next t3, a7
    li   a1, 0
    li   a4, 0
    li   a5, 0
    li   s0, 0
    li   s3, EC_RUN_PAIRS
1:  mv   s1, a3
    bleu a3, s3, 2f
    mv   s1, s3
2:  sub  a3, a3, s1
    repeat s1, 9
    add_products a1, t0, t6
    load_next t0, t4
    add_products a4, t1, t6
    load_next t1, t5
    add_products a5, t2, t6
    load_next t2, a6
    add_products s0, t3, t6
    load_next t6, a2
    load_next t3, a7
    end_runs a1, a4, a0, 0, s1, s2
    end_runs a5, s0, a0, 8, s1, s2
    bnez a3, 1b
    restore 4
    addi sp, sp, 16
    ret

#endif
