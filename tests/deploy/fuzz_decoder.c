/* A libFuzzer target: one input is a packet, or a frame of several windows, for the decoder of ./receiver.ecd.
 *
 * Every buffer is a heap block of just the size the API asks for, so that AddressSanitizer sees the first byte too far. The
 * checksum of packets is put right: otherwise nothing behind it would be reached. The network's steps do not depend on what
 * is received, but for the regime: what stands in their place takes less time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "edgecodec_decoder.h"
#include "model.h"

#define HASH_AT 16
#define ID_BYTES 4u
#define CHECKSUM_BYTES 4u
#define FILLER 0xee

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static ec_decoder decoder;
static uint8_t *workspace;
static float *window;

static void require(bool truth) {
    if (!truth) {
        abort();
    }
}

static uint8_t *lend(size_t bytes) {
    uint8_t *block = malloc(bytes);
    require(block != NULL);
    memset(block, FILLER, bytes);
    return block;
}

static size_t window_bytes(void) {
    return sizeof(float) * ec_decoder_channels(&decoder) * ec_decoder_samples(&decoder);
}

static bool is_untouched(void) {
    const uint8_t *at = (const uint8_t *)window;
    return at[0] == FILLER && memcmp(at, at + 1, window_bytes() - 1) == 0;
}

void ec_run_network(const ec_decoder *of, uint32_t regime, float *memory) {
    const ec_model_header *header = ec_header(of);
    require(regime < header->regimes);
    memset(memory + header->window_at, 0, window_bytes());
}

static void decode_packet(const uint8_t *content, size_t bytes) {
    uint8_t *packet = lend(bytes + ID_BYTES + CHECKSUM_BYTES);
    const size_t checked = bytes + ID_BYTES;
    packet[0] = content[0];
    memcpy(packet + 1, decoder.model + HASH_AT, ID_BYTES);
    memcpy(packet + 1 + ID_BYTES, content + 1, bytes - 1);
    const uint32_t sum = ec_checksum(packet, checked);
    memcpy(packet + checked, &sum, sizeof sum);
    ec_decoded decoded;
    const ec_decode_status status = ec_decode(&decoder, packet, checked + CHECKSUM_BYTES, workspace,
                                              ec_decoder_workspace(&decoder), window, &decoded);
    require(status != EC_DECODE_DAMAGED || bytes < 3);
    require((status == EC_DECODED) != is_untouched());
    free(packet);
}

static void decode_series(const uint8_t *content, size_t bytes, ec_link link) {
    uint8_t *frame = lend(bytes);
    memcpy(frame, content, bytes);
    const size_t memory_bytes = ec_decoder_series_memory(&decoder);
    uint8_t *memory = lend(memory_bytes);
    ec_series_reader series = {.windows = 0};
    ec_decoded decoded = {.sequence = 0};
    ec_decode_status status = ec_open_series(&series, &decoder, link, frame, bytes, 0, memory, memory_bytes);
    require((status == EC_DECODED) == (series.windows > 0));
    while (status == EC_DECODED) {
        status = ec_decode_next(&series, workspace, ec_decoder_workspace(&decoder), window, &decoded);
        require(status == EC_DECODED || status == EC_DECODE_END);
    }
    require(series.decoded == series.windows && (series.windows > 0) != is_untouched());
    free(memory);
    free(frame);
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    (void)count;
    (void)arguments;
    FILE *file = fopen("receiver.ecd", "rb");
    require(file != NULL && fseek(file, 0, SEEK_END) == 0);
    const size_t bytes = (size_t)ftell(file);
    uint8_t *model = lend(bytes);
    rewind(file);
    require(fread(model, 1, bytes, file) == bytes && fclose(file) == 0);
    require(ec_decoder_open(&decoder, model, bytes) == EC_DECODED);
    workspace = lend(ec_decoder_workspace(&decoder));
    window = (float *)(void *)lend(window_bytes());
    return 0;
}

/* The first byte says what the others are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    if (bytes < 2) {
        return 0;
    }
    memset(window, FILLER, window_bytes());
    if (data[0] == 'p') {
        decode_packet(data + 1, bytes - 1);
    } else {
        decode_series(data + 1, bytes - 1, data[0] == 'r' ? EC_LINK_RADIO : EC_LINK_CHECKED);
    }
    return 0;
}
