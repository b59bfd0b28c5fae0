/* EdgeCodec's decoder for gateways and hosts that have no Python: from packets to windows, in float32.
 *
 *     ec_decoder decoder;                                        // `model`: receiver.ecd, aligned to 4 bytes
 *     if (ec_decoder_open(&decoder, model, model_bytes) != EC_DECODED) ...
 *     void *workspace = ...;                                     // ec_decoder_workspace(&decoder) bytes
 *     float *window = ...;                                       // [channels][samples]
 *     ec_decoded decoded;
 *     ec_decode(&decoder, packet, bytes, workspace, workspace_bytes, window, &decoded);
 *
 * Or, of a frame that several windows share:
 *
 *     ec_series_reader series;
 *     void *memory = ...;                                        // ec_decoder_series_memory(&decoder) bytes
 *     ec_open_series(&series, &decoder, EC_LINK_RADIO, frame, bytes, next_sequence, memory, memory_bytes);
 *     while (ec_decode_next(&series, workspace, workspace_bytes, window, &decoded) == EC_DECODED) ...
 *
 * No function allocates or keeps state outside the caller's objects. Several threads may decode at once with one
 * ec_decoder, each with memory of its own. A packet or frame that is refused leaves window and ec_decoded as they were.
 *
 * The model file has a checksum against damage. Who can write to it can make the decoder do anything: trust it as you
 * trust the program. Packets and frames need no trust. The machine is little-endian.
 */
#ifndef EDGECODEC_DECODER_H
#define EDGECODEC_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edgecodec.h" /* ec_link */

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ec_decode_status {
    EC_DECODED = 0,
    EC_DECODE_NULL = 1,      /* a pointer is NULL */
    EC_DECODE_ALIGNMENT = 2, /* model, workspace or window is not aligned to 4 bytes, or memory to 8 */
    EC_DECODE_MODEL = 3,     /* the model file is damaged or cut short, or of another version */
    EC_DECODE_WORKSPACE = 4, /* workspace or memory is too small */
    EC_DECODE_DAMAGED = 5,   /* it is damaged or cut short: its checksum does not match */
    EC_DECODE_FOREIGN = 6,   /* the packet is of another model */
    EC_DECODE_KIND = 7,      /* an escape, an exact packet, a frame of one packet, or of a kind to come: for Python */
    EC_DECODE_RATE = 8,      /* the model has no such rate, or no coded packets */
    EC_DECODE_LENGTH = 9,    /* the packet has another length than its rate */
    EC_DECODE_REMARKS = 10,  /* the remarks name no channel, or one that there is not */
    EC_DECODE_PAYLOAD = 11,  /* no window has this payload: the sender is faulty */
    EC_DECODE_END = 12,      /* all windows of the series are decoded */
} ec_decode_status;

typedef struct ec_decoder {
    const uint8_t *model;
} ec_decoder;

/* What a packet tells beside its window. */
typedef struct ec_decoded {
    uint32_t rate;
    uint16_t sequence;
    float estimated_error;     /* in per cent, at most; NaN where the node did not say, infinite beyond its scale */
    bool unlike_training;      /* the window is unlike those of the training */
    uint32_t faulty_channels;  /* their number; they are NaN in the window */
} ec_decoded;

/* Reads the model file through. It stays where it is and must outlive the decoder. */
ec_decode_status ec_decoder_open(ec_decoder *decoder, const void *model, size_t bytes);

uint32_t ec_decoder_channels(const ec_decoder *decoder);
uint32_t ec_decoder_samples(const ec_decoder *decoder);

/* Bytes of the workspace of one ec_decode. */
size_t ec_decoder_workspace(const ec_decoder *decoder);

/* Decodes a fixed-length or coded packet to `window`, float [channels][samples], in the unit of the recordings. */
ec_decode_status ec_decode(const ec_decoder *decoder, const uint8_t *packet, size_t bytes, void *workspace,
                           size_t workspace_bytes, float *window, ec_decoded *decoded);

/* A frame of coded windows in a row, which are decoded one after the other. */
typedef struct ec_series_reader {
    const ec_decoder *decoder;
    const uint8_t *payload;
    size_t payload_bytes;
    void *memory;
    uint32_t rate;
    uint32_t windows;  /* of the frame */
    uint32_t decoded;  /* of these, so far */
    uint16_t sequence; /* of the first one */
} ec_series_reader;

/* Bytes of a series' memory, 0 if the model has no coded packets. */
size_t ec_decoder_series_memory(const ec_decoder *decoder);

/* Reads a frame through: only one that is sound to its end is opened. Frame and memory, which is aligned to 8 bytes, stay
 * as they are until all windows are decoded. `expected` is the sequence number that comes next: by radio, the frame's is
 * the least one from there on with its eight bits; on a checked link it is this one. By radio, frames of another model are
 * damaged ones. */
ec_decode_status ec_open_series(ec_series_reader *series, const ec_decoder *decoder, ec_link link, const uint8_t *frame,
                                size_t bytes, uint16_t expected, void *memory, size_t memory_bytes);

/* Decodes the next window, as ec_decode does: EC_DECODE_END after the last one. */
ec_decode_status ec_decode_next(ec_series_reader *series, void *workspace, size_t workspace_bytes, float *window,
                                ec_decoded *decoded);

#ifdef __cplusplus
}
#endif

#endif
