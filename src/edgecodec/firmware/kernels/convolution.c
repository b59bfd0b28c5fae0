/* Convolution over time, strided or dilated, and with one tap on one row: a dense layer.
 *
 * Pairs of a tile of rows and a panel of channels are shared out, panel by panel. A sum begins at the bias, plus the
 * residual if there is one; then come the products, PReLU, and one rounding.
 */
#include "fused.h"
#include "layers.h"
#include "stream.h"

#define EC_SEGMENTS_AT_ONCE EC_RUN_PAIRS /* so many taps are whole runs, of any number of channels */

/* Rows of the output that are computed together. */
typedef struct row_tile {
    uint32_t first;
    uint32_t rows;
} row_tile;

/* Channels of the output that are computed together. */
typedef struct channel_panel {
    const ec_panel *data;
    uint32_t first_channel;
    bool whole; /* channels are even: of a panel, there are two or four */
    float slope;
} channel_panel;

/* 1 is no PReLU. */
static float slope_of(const ec_worker *worker, const ec_convolution *layer) {
    return layer->slope == EC_NONE ? 1.0f : *(const float *)(const void *)(worker->weights + layer->slope);
}

/* What some of a tile's taps read of the input; outside it, zeros: they add nothing to a sum. */
static void find_segments(const ec_worker *worker, const ec_convolution *layer, const row_tile *tile,
                          uint32_t first_tap, uint32_t taps, const ec_half **segments) {
    const ec_half *input = ec_halves(worker, layer->input.at);
    /* Rows before the first wrap around to large numbers. */
    const uint32_t first = tile->first * layer->stride + first_tap * layer->dilation - layer->pad_left;
    for (uint32_t row = 0; row < tile->rows; row++) {
        const ec_half **segment = segments + row;
        uint32_t number = first + row * layer->stride;
        for (uint32_t tap = 0; tap < taps; tap++) {
            *segment = number < layer->input.rows ? input + (size_t)number * layer->input.channels : worker->zeros;
            segment += tile->rows;
            number += layer->dilation;
        }
    }
}

static size_t place_in_output(const ec_convolution *layer, const row_tile *tile, const channel_panel *panel) {
    return (size_t)tile->first * layer->output.channels + panel->first_channel;
}

static void begin_sums(const ec_worker *worker, const ec_convolution *layer, const row_tile *tile,
                       const channel_panel *panel, float (*sums)[EC_TILE_COLUMNS]) {
    const ec_half *residual = ec_halves(worker, layer->residual) + place_in_output(layer, tile, panel);
    const uint32_t columns = layer->residual == EC_NONE ? 0 : panel->whole ? EC_TILE_COLUMNS : EC_TILE_COLUMNS / 2;
    for (uint32_t row = 0; row < tile->rows; row++) {
        for (uint32_t column = 0; column < EC_TILE_COLUMNS; column++) {
            sums[row][column] = panel->data->of_column[column];
        }
        for (uint32_t column = 0; column < columns; column++) {
            sums[row][column] += ec_to_float(residual[column]);
        }
        residual += layer->output.channels;
    }
}

static void add_taps(const ec_worker *worker, const ec_convolution *layer, const row_tile *tile,
                     const channel_panel *panel, float (*sums)[EC_TILE_COLUMNS]) {
    const uint32_t pairs = layer->input.channels / 2;
    for (uint32_t tap = 0; tap < layer->taps; tap += EC_SEGMENTS_AT_ONCE) {
        const ec_half *segments[EC_SEGMENTS_AT_ONCE * EC_TILE_ROWS]; /* [tap][row] */
        const uint32_t taps = ec_smaller(EC_SEGMENTS_AT_ONCE, layer->taps - tap);
        find_segments(worker, layer, tile, tap, taps, segments);
        const ec_tile factors = {segments, panel->data->pairs[(size_t)tap * pairs][0], tile->rows, taps, pairs};
        ec_add_tile(sums, &factors);
    }
}

static float prelu(float value, float slope) {
    return value < 0.0f ? value * slope : value;
}

/* One row of a panel: all four channels (`whole`), or the first two. */
static void activate(const float *sums, float slope, bool whole, ec_half *output) {
    ec_store_pair(output, ec_to_pair(prelu(sums[0], slope), prelu(sums[1], slope)));
    if (whole) {
        ec_store_pair(output + 2, ec_to_pair(prelu(sums[2], slope), prelu(sums[3], slope)));
    }
}

/* Any tile. */
static void run_tile(const ec_worker *worker, const ec_convolution *layer, const row_tile *tile,
                     const channel_panel *panel) {
    float sums[EC_TILE_ROWS][EC_TILE_COLUMNS];
    begin_sums(worker, layer, tile, panel, sums);
    add_taps(worker, layer, tile, panel, sums);
    ec_half *output = ec_halves(worker, layer->output.at) + place_in_output(layer, tile, panel);
    for (uint32_t row = 0; row < tile->rows; row++) {
        activate(sums[row], panel->slope, panel->whole, output);
        output += layer->output.channels;
    }
}

static void run_tiles(const ec_worker *worker, const ec_convolution *layer, ec_range tiles,
                      const channel_panel *panel) {
    for (uint32_t number = tiles.first; number < tiles.end; number++) {
        const uint32_t row = number * EC_TILE_ROWS;
        const row_tile tile = {row, ec_smaller(EC_TILE_ROWS, layer->output.rows - row)};
        run_tile(worker, layer, &tile, panel);
    }
}

#ifdef EC_FUSED

/* Of `tiles`, the whole ones whose taps all read rows of the input. */
static ec_range inner_tiles(const ec_convolution *layer, ec_range tiles, float slope) {
    const uint32_t rows_of_tile = EC_TILE_ROWS * layer->stride;
    const uint32_t reach = (EC_TILE_ROWS - 1) * layer->stride + (layer->taps - 1) * layer->dilation;
    const uint32_t before = (layer->pad_left + rows_of_tile - 1) / rows_of_tile;
    const uint32_t rows = layer->input.rows + layer->pad_left;
    const uint32_t end = rows > reach ? (rows - reach - 1) / rows_of_tile + 1 : 0;
    ec_range inner = {ec_larger(tiles.first, before),
                      ec_smaller(tiles.end, ec_smaller(end, layer->output.rows / EC_TILE_ROWS))};
    if (slope > 1.0f || inner.first >= inner.end) {
        inner.first = inner.end = tiles.end;
    }
    return inner;
}

static void run_inner_tiles(const ec_worker *worker, const ec_convolution *layer, ec_range tiles,
                            const channel_panel *panel) {
    const uint32_t channels = layer->input.channels;
    const row_tile first = {tiles.first * EC_TILE_ROWS, EC_TILE_ROWS};
    const size_t at = place_in_output(layer, &first, panel);
    const uint32_t row_step = layer->stride * channels * (uint32_t)sizeof(ec_half);
    /* Taps that read rows one after the other are one segment. */
    const uint32_t segments = layer->dilation == 1 ? 1 : layer->taps;
    const uint32_t segment_step = layer->dilation * channels * (uint32_t)sizeof(ec_half);
    const ec_pulp_convolution convolution = {
        .input = ec_halves(worker, layer->input.at) + (size_t)(first.first * layer->stride - layer->pad_left) * channels,
        .row_step = row_step,
        .segment_step = segment_step,
        .tile_step = EC_TILE_ROWS * row_step - segments * segment_step,
        .segments = segments,
        .pairs = layer->taps / segments * channels / 2,
        .panel = panel->data,
        .output = ec_halves(worker, layer->output.at) + at,
        .residual = layer->residual == EC_NONE ? NULL : ec_halves(worker, layer->residual) + at,
        .output_step = layer->output.channels * (uint32_t)sizeof(ec_half),
        .whole = panel->whole,
        .slope = panel->slope,
        .tiles = tiles.end - tiles.first,
    };
    ec_pulp_convolve_4_rows(&convolution);
}

static void run_panel(const ec_worker *worker, const ec_convolution *layer, ec_range tiles,
                      const channel_panel *panel) {
    const ec_range inner = inner_tiles(layer, tiles, panel->slope);
    const ec_range before = {tiles.first, inner.first}, behind = {inner.end, tiles.end};
    run_tiles(worker, layer, before, panel);
    if (inner.first < inner.end) {
        run_inner_tiles(worker, layer, inner, panel);
    }
    run_tiles(worker, layer, behind, panel);
}

#else

static void run_panel(const ec_worker *worker, const ec_convolution *layer, ec_range tiles,
                      const channel_panel *panel) {
    run_tiles(worker, layer, tiles, panel);
}

#endif

/* One row and one tap: panels of `block` come one after the other, with nothing to find out between them. */
static void run_dense(const ec_worker *worker, const ec_convolution *layer, const ec_block *block, ec_range panels,
                      float slope) {
    const ec_half *input = ec_halves(worker, layer->input.at);
    ec_half *output = ec_halves(worker, layer->output.at);
    const uint32_t pairs = layer->input.channels / 2, channels = layer->output.channels;
    for (uint32_t number = panels.first; number < panels.end; number++) {
        const ec_panel *panel = ec_panel_at(block->data, number, pairs);
        const uint32_t channel = (block->first + number) * EC_TILE_COLUMNS;
        const ec_tile factors = {&input, panel->pairs[0][0], 1, 1, pairs};
        float sums[1][EC_TILE_COLUMNS];
        for (uint32_t column = 0; column < EC_TILE_COLUMNS; column++) {
            sums[0][column] = panel->of_column[column];
        }
        ec_add_tile(sums, &factors);
        activate(sums[0], slope, channels - channel > EC_TILE_COLUMNS / 2, output + channel);
    }
}

void ec_run_convolution(const ec_worker *worker, const ec_convolution *layer) {
    const uint32_t pairs = layer->taps * layer->input.channels / 2;
    const uint32_t tiles = (layer->output.rows + EC_TILE_ROWS - 1) / EC_TILE_ROWS;
    ec_stream stream = ec_open_stream(worker, &layer->blocks, worker->weights + layer->weight,
                                      ec_panels(layer->output.channels));
    const float slope = slope_of(worker, layer);
    const bool dense =
        EC_WORKERS_MAX > 1 && layer->output.rows == 1 && layer->taps == 1 && layer->residual == EC_NONE;
    ec_block block;
    do {
        block = ec_next_block(worker, &stream);
        const ec_range share = ec_share(worker, tiles * block.items);
        if (dense) {
            run_dense(worker, layer, &block, share, slope);
            continue;
        }
        for (uint32_t next = share.first; next < share.end;) {
            const uint32_t number = next / tiles, begin = number * tiles;
            const uint32_t channel = (block.first + number) * EC_TILE_COLUMNS;
            const channel_panel panel = {ec_panel_at(block.data, number, pairs), channel,
                                         layer->output.channels - channel > EC_TILE_COLUMNS / 2, slope};
            const ec_range own = {next - begin, ec_smaller(share.end - begin, tiles)};
            run_panel(worker, layer, own, &panel);
            next = begin + own.end;
        }
    } while (!block.last);
    ec_wait_for_all(worker);
}
