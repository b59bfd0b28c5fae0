/* Convolution over time, strided or dilated, and with one tap on one row: a dense layer. */
#include "activation.h"
#include "stream.h"
#include "tile.h"

#define EC_SEGMENTS_AT_ONCE EC_RUN_PAIRS /* so many taps are whole runs, of any number of channels */

/* Rows of the output that are computed together. */
typedef struct row_tile {
    uint32_t first;
    uint32_t rows;
} row_tile;

/* What some of a tile's taps read of the input. */
typedef struct source_rows {
    uint32_t first_tap;
    uint32_t taps;
    uint32_t count;                                             /* of segments: */
    const ec_half *segments[EC_SEGMENTS_AT_ONCE * EC_TILE_ROWS]; /* [segment][row] */
} source_rows;

/* A whole tile whose taps all read rows of the input. Taps that read rows one after the other are one segment. */
static void find_inner_segments(const ec_convolution *layer, const ec_half *first, source_rows *source) {
    const size_t row_step = (size_t)layer->stride * layer->input.channels;
    const size_t tap_step = (size_t)layer->dilation * layer->input.channels;
    const ec_half **segment = source->segments;
    source->count = layer->dilation == 1 ? 1 : source->taps;
    for (uint32_t i = 0; i < source->count; i++) {
        segment[0] = first;
        segment[1] = first + row_step;
        segment[2] = first + 2 * row_step;
        segment[3] = first + 3 * row_step;
        segment += EC_TILE_ROWS;
        first += tap_step;
    }
}

/* Any tile. Outside the input there are zeros: they add nothing to a sum. */
static void find_segments(const ec_worker *worker, const ec_convolution *layer, const row_tile *tile,
                          source_rows *source) {
    const ec_half *input = ec_halves(worker, layer->input.at);
    const uint32_t channels = layer->input.channels, input_rows = layer->input.rows, dilation = layer->dilation;
    /* Rows before the first wrap around to large numbers. */
    const uint32_t first = tile->first * layer->stride + source->first_tap * dilation - layer->pad_left;
    const uint32_t reach = (EC_TILE_ROWS - 1) * layer->stride + (source->taps - 1) * dilation;
    if (tile->rows == EC_TILE_ROWS && first < input_rows && reach < input_rows - first) {
        find_inner_segments(layer, input + (size_t)first * channels, source);
        return;
    }
    source->count = source->taps;
    for (uint32_t row = 0; row < tile->rows; row++) {
        const ec_half **segment = source->segments + row;
        uint32_t number = first + row * layer->stride;
        for (uint32_t tap = 0; tap < source->taps; tap++) {
            *segment = number < input_rows ? input + (size_t)number * channels : worker->zeros;
            segment += tile->rows;
            number += dilation;
        }
    }
}

/* The taps from `first_tap` on, as many as there is room for. */
static void find_source(const ec_worker *worker, const ec_convolution *layer, const row_tile *tile, uint32_t first_tap,
                        source_rows *source) {
    source->first_tap = first_tap;
    source->taps = ec_smaller(EC_SEGMENTS_AT_ONCE, layer->taps - first_tap);
    find_segments(worker, layer, tile, source);
}

static void add_products(const ec_convolution *layer, const row_tile *tile, const source_rows *source,
                         const ec_panel *panel, float (*sums)[EC_TILE_COLUMNS]) {
    const uint32_t pairs = layer->input.channels / 2;
    const ec_tile factors = {
        .segments = source->segments,
        .columns = panel->pairs[(size_t)source->first_tap * pairs][0],
        .rows = tile->rows,
        .count = source->count,
        .pairs = source->count < source->taps ? source->taps * pairs : pairs,
        .more = source->first_tap > 0,
    };
    ec_add_tile(sums, &factors);
}

static void activate(const ec_worker *worker, const ec_convolution *layer, const row_tile *tile, const ec_panel *panel,
                     uint32_t first_channel, float (*sums)[EC_TILE_COLUMNS]) {
    const ec_activation activation = ec_activation_of(panel->of_column, layer->slope);
    const uint32_t channels = layer->output.channels;
    const bool whole = channels - first_channel > 2; /* channels are even: of a panel, there are two or four */
    const size_t at = (size_t)tile->first * channels + first_channel;
    ec_half *output = ec_halves(worker, layer->output.at) + at;
    const ec_half *residual = ec_halves(worker, layer->residual) + at;
    for (uint32_t row = 0; row < tile->rows; row++) {
        if (layer->residual == EC_NONE) {
            ec_activate(&activation, sums[row], whole, output);
        } else {
            ec_activate_residual(&activation, sums[row], whole, residual, output);
        }
        output += channels;
        residual += channels;
    }
}

/* One tile of rows with the panels `panels` of a block. */
static void run_tile(const ec_worker *worker, const ec_convolution *layer, const ec_block *block, ec_range panels,
                     const row_tile *tile) {
    const uint32_t pairs = layer->taps * layer->input.channels / 2;
    const bool at_once = layer->taps <= EC_SEGMENTS_AT_ONCE;
    source_rows source;
    find_source(worker, layer, tile, 0, &source);
    for (uint32_t number = panels.first; number < panels.end; number++) {
        const ec_panel *panel = ec_panel_at(block->data, number, pairs);
        float sums[EC_TILE_ROWS][EC_TILE_COLUMNS];
        add_products(layer, tile, &source, panel, sums);
        for (uint32_t tap = source.taps; tap < layer->taps; tap += source.taps) {
            find_source(worker, layer, tile, tap, &source);
            add_products(layer, tile, &source, panel, sums);
        }
        activate(worker, layer, tile, panel, (block->first + number) * EC_TILE_COLUMNS, sums);
        if (!at_once) {
            find_source(worker, layer, tile, 0, &source);
        }
    }
}

void ec_run_convolution(const ec_worker *worker, const ec_convolution *layer) {
    ec_stream stream = ec_open_stream(worker, &layer->blocks, worker->weights + layer->weight,
                                      ec_panels(layer->output.channels));
    ec_block block;
    do {
        block = ec_next_block(worker, &stream);
        /* Pairs of a tile of rows and a panel are shared out, tile by tile. */
        const ec_range share = ec_share(worker, (layer->output.rows + EC_TILE_ROWS - 1) / EC_TILE_ROWS * block.items);
        for (uint32_t next = share.first; next < share.end;) {
            const uint32_t number = next / block.items, begin = number * block.items;
            const ec_range panels = {next - begin, ec_smaller(share.end - begin, block.items)};
            const uint32_t row = number * EC_TILE_ROWS;
            const row_tile tile = {row, ec_smaller(EC_TILE_ROWS, layer->output.rows - row)};
            run_tile(worker, layer, &block, panels, &tile);
            next = begin + panels.end;
        }
    } while (!block.last);
    ec_wait_for_all(worker);
}
