/* EdgeCodec's decoder for gateways and hosts that have no Python: from packets to windows, in float32.
 *
 *     ec_decoder decoder;                                        // `model`: receiver.ecd, aligned to 4 bytes
 *     if (ec_decoder_open(&decoder, model, model_bytes) != EC_DECODED) ...
 *     void *workspace = ...;                                     // ec_decoder_workspace(&decoder) bytes
 *     float *window = ...;                                       // [channels][samples]
 *     ec_decoded decoded;
 *     ec_decode(&decoder, packet, bytes, workspace, workspace_bytes, window, &decoded);
 *
 * No function allocates or keeps state outside the caller's objects. Several threads may decode at once with one
 * ec_decoder, each with a workspace of its own. A packet that is refused leaves window and ec_decoded as they were.
 *
 * The model file has a checksum against damage. Who can write to it can make the decoder do anything: trust it as you
 * trust the program. Packets need no trust. The machine is little-endian.
 */
#ifndef EDGECODEC_DECODER_H
#define EDGECODEC_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ec_decode_status {
    EC_DECODED = 0,
    EC_DECODE_NULL = 1,      /* a pointer is NULL */
    EC_DECODE_ALIGNMENT = 2, /* model, workspace or window is not aligned to 4 bytes */
    EC_DECODE_MODEL = 3,     /* the model file is damaged or cut short, or of another version */
    EC_DECODE_WORKSPACE = 4, /* the workspace is smaller than ec_decoder_workspace() */
    EC_DECODE_DAMAGED = 5,   /* the packet is damaged or cut short: its checksum does not match */
    EC_DECODE_FOREIGN = 6,   /* the packet is of another model */
    EC_DECODE_KIND = 7,      /* an escape, an exact packet, or of a kind to come: Python decodes these */
    EC_DECODE_RATE = 8,      /* the model has no such rate, or no coded packets */
    EC_DECODE_LENGTH = 9,    /* the packet has another length than its rate */
    EC_DECODE_REMARKS = 10,  /* the remarks name no channel, or one that there is not */
    EC_DECODE_PAYLOAD = 11,  /* no window has this payload: the sender is faulty */
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

#ifdef __cplusplus
}
#endif

#endif
