/* The innermost loop of the arithmetic `lanes`, for cores with float16 SIMD but no vfdotpex.s.h: the functions that
 * tile.h declares, as in tile.S.
 *
 * A tile's lanes stay in registers for a run of EC_RUN_PAIRS, however many segments it takes; at its end they go to the
 * sums, which are in memory: the registers SUM_<row>_<column> hold lanes. As in tile.S, no instruction waits for a load.
 */
#include "arithmetic.h"

#ifdef EC_LANES

    /* In both lanes: sum += left * right, rounded once: vfmac.h */
    .macro add_products sum, left, right
    .insn r 0x33, 2, 0x48, \sum, \left, \right
    .endm

#include "loops.h"

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

/* In the frame, behind the saved registers. */
#define SEGMENTS 48(sp)
#define COUNT 52(sp)  /* of segments that are left */
#define PAIRS_OF_SEGMENT 56(sp)
#define LEFT 60(sp)   /* pairs of the segment */
#define ROOM 64(sp)   /* pairs until the run ends */
#define RETURN 68(sp)
#define FRAME 80

#define CLEAR_LANES(row) \
    li SUM_##row##_0, 0; li SUM_##row##_1, 0; li SUM_##row##_2, 0; li SUM_##row##_3, 0
#define END_RUNS(row) \
    end_runs SUM_##row##_0, SUM_##row##_1, SUMS, 16*row, TEMPORARY_0, TEMPORARY_1; \
    end_runs SUM_##row##_2, SUM_##row##_3, SUMS, 16*row+8, TEMPORARY_0, TEMPORARY_1
#define LOAD_POINTER(row) load_next POINTER_##row, TEMPORARY_0

#define BEGIN(rows, saved) \
    addi sp, sp, -FRAME; \
    save saved; \
    sw   a1, SEGMENTS; \
    sw   a3, COUNT; \
    sw   a4, PAIRS_OF_SEGMENT; \
    mv   SUMS, a0; \
    EACH_ROW_OF_##rows(CLEAR_LANES); \
    li   TEMPORARY_0, EC_RUN_PAIRS; \
    sw   TEMPORARY_0, ROOM

/* Its pointers and first pairs; a4: its pairs. */
#define BEGIN_SEGMENT(rows) \
    lw   TEMPORARY_0, SEGMENTS; \
    lw   a4, COUNT; \
    EACH_ROW_OF_##rows(LOAD_POINTER); \
    addi a4, a4, -1; \
    sw   TEMPORARY_0, SEGMENTS; \
    sw   a4, COUNT; \
    EACH_ROW_OF_##rows(LOAD_ROW); \
    lw   a4, PAIRS_OF_SEGMENT

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
#define GO_ON(rows) \
    lw   TEMPORARY_0, ROOM; \
    lw   a4, LEFT; \
    bnez TEMPORARY_0, 6f; \
    EACH_ROW_OF_##rows(END_RUNS); \
    li   TEMPORARY_0, EC_RUN_PAIRS; \
    lw   a4, LEFT; \
    sw   TEMPORARY_0, ROOM; \
6:  bnez a4, 3b; \
    lw   a4, COUNT; \
    bnez a4, 2b

/* Up to three rows. */
#define TEMPORARY_0 t3
#define TEMPORARY_1 a4
#define ADD(rows) \
    BEGIN(rows, 4*rows); \
    LOAD_WEIGHTS; \
2:  BEGIN_SEGMENT(rows); \
3:  DIVIDE; \
    PAIRS(rows); \
    GO_ON(rows); \
    restore 4*rows; \
    addi sp, sp, FRAME; \
    ret

function ec_pulp_add_1_row
    ADD(1)

function ec_pulp_add_2_rows
    ADD(2)

function ec_pulp_add_3_rows
    ADD(3)

/* Four rows: outside the loop the two weights leave their registers to others. */
#undef WEIGHT_1
#undef WEIGHT_2
#undef WEIGHT_3
#undef TEMPORARY_0
#define WEIGHT_1 a4
#define WEIGHT_2 a0
#define WEIGHT_3 a4
#define TEMPORARY_0 a0
#define PRODUCTS_OF_FOUR(column, next) \
    PRODUCT(1, column); LOAD_WEIGHT(next); PRODUCT(2, column); PRODUCT(3, column); PRODUCT(0, column)

function ec_pulp_add_4_rows
    BEGIN(4, 12)
    sw   ra, RETURN
2:  BEGIN_SEGMENT(4)
3:  DIVIDE
    LOAD_WEIGHT(0)
    repeat 0, a4, 24
    PRODUCTS_OF_FOUR(0, 1)
    PRODUCTS_OF_FOUR(1, 2)
    PRODUCTS_OF_FOUR(2, 3)
    PRODUCT(1, 3); LOAD_ROW(1); LOAD_WEIGHT(0)
    PRODUCT(2, 3); LOAD_ROW(2)
    PRODUCT(3, 3); LOAD_ROW(3)
    PRODUCT(0, 3); LOAD_ROW(0)
    addi COLUMNS, COLUMNS, -4 /* the weight that was loaded ahead */
    GO_ON(4)
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
    repeat 0, s1, 9
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
