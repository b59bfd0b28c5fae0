/* A node: windows of samples in, packets out, at a rate that its link and battery allow.
 *
 *     static ec_node node;                        // or wherever there is room for two windows
 *     ec_node_begin(&node, arena, sizeof arena);  // arena: EC_ARENA_BYTES of the fastest memory
 *     for (;;) {
 *         wait_for_interrupt();                   // that of sampling calls ec_sampler_put(&node.sampler, sample)
 *         ec_node_serve(&node, &board);
 *     }
 */
#ifndef EC_NODE_H
#define EC_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec_model.h"
#include "edgecodec.h"
#include "rate_policy.h"
#include "sampler.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the board lends. */
typedef struct ec_node_board {
    ec_node_state (*state)(void *user);
    void (*send)(void *user, const uint8_t *packet, size_t bytes);
    void *user;
    size_t frame_bytes; /* the longest packet that the radio takes */
    bool any_length;    /* frames need not have the same length: coded packets, if the model has them */
    /* The largest error that is wanted, in per cent of the channels' magnitude; 0: whatever the rate gives. Link and
     * battery say which rate is the highest that may be sent, the bound which of these is sent: the lowest that keeps it. */
    float bound_percent;
    /* Room for an escape, which is sent where no such rate keeps the bound, if it fits here and into a frame; NULL: none
     * is. EC_ESCAPE_PACKET_BYTES are enough for any window. */
    uint8_t *escape;
    size_t escape_bytes;
} ec_node_board;

typedef struct ec_node {
    ec_context context;
    ec_sampler sampler;
    ec_rate_policy policy;
    uint32_t over_bound; /* windows that were sent beyond the bound: no allowed rate could hold them, nor an escape */
    uint32_t escapes;    /* windows that only an escape could hold */
    uint32_t refused; /* windows without a packet: a broken sensor, as a rule, or a frame too small for any */
    ec_remarks remarks;
    uint16_t indices[EC_INDICES];
    uint8_t packet[EC_PACKET_BYTES];
} ec_node;

ec_status ec_node_begin(ec_node *node, void *arena, size_t arena_bytes);

/* Encodes and sends what has been sampled. A window's number is its packet's sequence number, so that the receiver sees
 * a gap where one was lost or refused. */
void ec_node_serve(ec_node *node, const ec_node_board *board);

#ifdef __cplusplus
}
#endif

#endif
