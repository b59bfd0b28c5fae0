/* Data that arrive block by block, one block ahead of the work. */
#ifndef EC_STREAM_H
#define EC_STREAM_H

#include "worker.h"

typedef struct ec_stream {
    uint32_t scratch; /* two halves, which the blocks take in turns */
    uint32_t half_bytes;
    uint32_t half; /* that the next block goes to: 0 or 1 */
    const uint8_t *source;
    uint32_t items;
    uint32_t item_bytes;
    uint32_t block_items; /* of a whole block */
    uint32_t first;       /* item of the block that is on its way */
    const uint8_t *data;  /* where it will be */
} ec_stream;

typedef struct ec_block {
    uint32_t first; /* item */
    uint32_t items;
    const uint8_t *data;
    bool last; /* of its source */
} ec_block;

static inline void ec_fetch_block(const ec_worker *worker, ec_stream *stream) {
    const uint32_t items = ec_smaller(stream->block_items, stream->items - stream->first);
    stream->data = ec_fetch(worker, stream->scratch + stream->half * stream->half_bytes,
                            stream->source + (size_t)stream->first * stream->item_bytes,
                            (size_t)items * stream->item_bytes);
    stream->half ^= 1u;
}

/* Asks for the first block of a source. The last one of another may still be in use. */
static inline void ec_redirect_stream(const ec_worker *worker, ec_stream *stream, const void *source, uint32_t items,
                                      uint32_t item_bytes, uint32_t block_items) {
    stream->source = source;
    stream->items = items;
    stream->item_bytes = item_bytes;
    stream->block_items = block_items;
    stream->first = 0;
    ec_fetch_block(worker, stream);
}

static inline ec_stream ec_open_stream(const ec_worker *worker, const ec_blocks *blocks, const void *source,
                                       uint32_t items) {
    ec_stream stream = {.scratch = blocks->scratch, .half_bytes = blocks->size * blocks->item_bytes};
    ec_redirect_stream(worker, &stream, source, items, blocks->item_bytes, blocks->size);
    return stream;
}

/* Waits for the block that is on its way, and for all workers to be done with the one before; asks for the one after. */
static inline ec_block ec_next_block(const ec_worker *worker, ec_stream *stream) {
    const uint32_t items = ec_smaller(stream->block_items, stream->items - stream->first);
    const ec_block block = {stream->first, items, stream->data, stream->first + items == stream->items};
    ec_wait_for_all(worker);
    stream->first += items;
    if (!block.last) {
        ec_fetch_block(worker, stream);
    }
    return block;
}

#endif
