/* Convolution over time, strided or dilated, and with one tap on one row: a dense layer. */
#include "activation.h"
#include "stream.h"
#include "tile.h"

#define EC_TAPS_AT_ONCE 8u

/* Rows of the output that are computed together, and the rows of the input that some of their taps read. */
typedef struct row_tile {
    uint32_t first;
    uint32_t rows;
    uint32_t first_tap;
    uint32_t taps;
    const ec_half *segments[EC_TAPS_AT_ONCE * EC_TILE_ROWS]; /* [tap][row] */
} row_tile;

/* Outside the input there are zeros: they add nothing to a sum. */
static void find_segments(const ec_worker *worker, const ec_convolution *layer, row_tile *tile) {
    const ec_half *input = ec_halves(worker, layer->input.at);
    const uint32_t channels = layer->input.channels, input_rows = layer->input.rows, dilation = layer->dilation;
    for (uint32_t row = 0; row < tile->rows; row++) {
        const ec_half **segment = tile->segments + row;
        /* Rows before the first wrap around to large numbers. */
        uint32_t source = (tile->first + row) * layer->stride + tile->first_tap * dilation - layer->pad_left;
        for (uint32_t tap = 0; tap < tile->taps; tap++) {
            *segment = source < input_rows ? input + (size_t)source * channels : worker->zeros;
            segment += tile->rows;
            source += dilation;
        }
    }
}

/* The taps from `first_tap` on, as many as there is room for. */
static void enter_tile(const ec_worker *worker, const ec_convolution *layer, uint32_t first_tap, row_tile *tile) {
    tile->first_tap = first_tap;
    tile->taps = ec_smaller(EC_TAPS_AT_ONCE, layer->taps - first_tap);
    find_segments(worker, layer, tile);
}

static void add_products(const ec_convolution *layer, const row_tile *rows, const ec_panel *panel,
                         float (*sums)[EC_TILE_COLUMNS]) {
    const uint32_t pairs = layer->input.channels / 2;
    const ec_half *columns = panel->pairs[(size_t)rows->first_tap * pairs][0];
    const ec_tile tile = {rows->segments, columns, rows->rows, rows->taps, pairs, rows->first_tap > 0};
    ec_add_tile(sums, &tile);
}

static void activate(const ec_worker *worker, const ec_convolution *layer, const row_tile *tile, const ec_panel *panel,
                     uint32_t first_channel, float (*sums)[EC_TILE_COLUMNS]) {
    const uint32_t channels = ec_smaller(EC_TILE_COLUMNS, layer->output.channels - first_channel);
    size_t at = (size_t)tile->first * layer->output.channels + first_channel;
    for (uint32_t row = 0; row < tile->rows; row++) {
        ec_half *output = ec_halves(worker, layer->output.at) + at;
        if (layer->residual == EC_NONE) {
            ec_activate(sums[row], panel->of_column, layer->slope, channels, output);
        } else {
            ec_activate_residual(sums[row], panel->of_column, layer->slope, channels,
                                 ec_halves(worker, layer->residual) + at, output);
        }
        at += layer->output.channels;
    }
}

/* One tile of rows with the panels `panels` of a block. */
static void run_tile(const ec_worker *worker, const ec_convolution *layer, const ec_block *block, ec_range panels,
                     row_tile *tile) {
    const uint32_t pairs = layer->taps * layer->input.channels / 2;
    enter_tile(worker, layer, 0, tile);
    for (uint32_t number = panels.first; number < panels.end; number++) {
        const ec_panel *panel = ec_panel_at(block->data, number, pairs);
        float sums[EC_TILE_ROWS][EC_TILE_COLUMNS];
        add_products(layer, tile, panel, sums);
        while (tile->first_tap + tile->taps < layer->taps) {
            enter_tile(worker, layer, tile->first_tap + tile->taps, tile);
            add_products(layer, tile, panel, sums);
        }
        if (tile->first_tap > 0) {
            enter_tile(worker, layer, 0, tile);
        }
        activate(worker, layer, tile, panel, (block->first + number) * EC_TILE_COLUMNS, sums);
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
            row_tile tile;
            tile.first = number * EC_TILE_ROWS;
            tile.rows = ec_smaller(EC_TILE_ROWS, layer->output.rows - tile.first);
            run_tile(worker, layer, &block, panels, &tile);
            next = begin + panels.end;
        }
    } while (!block.last);
    ec_wait_for_all(worker);
}
