/* A node: samples in, packets out, at a rate that its link and battery allow.
 *
 *     static ec_node node;
 *     ec_node_begin(&node, arena, sizeof arena);  // arena: EC_ARENA_BYTES of the fastest memory
 *     for (;;) {
 *         wait_for_interrupt();                   // that of sampling calls ec_node_put_counts(&node, counts, unit)
 *         ec_node_serve(&node, &board);
 *     }
 *
 * Samples go on coming while a window is encoded and sent: they are of the next one.
 */
#ifndef EC_NODE_H
#define EC_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec_model.h"
#include "edgecodec.h"
#include "model_slots.h"
#include "rate_policy.h"
#include "request.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Room for frames that hold several windows. */
typedef struct ec_node_sharing {
    /* Of a frame, up to EC_SERIES_WINDOWS_MAX, if they fit. **The first waits for the last: latency is as many windows.** */
    uint32_t windows;
    void *memory; /* EC_SERIES_BYTES, aligned to 8 */
    size_t memory_bytes;
    uint8_t *frame; /* as long as any that the radio is to send */
    size_t frame_bytes;
} ec_node_sharing;

/* What the board lends. */
typedef struct ec_node_board {
    ec_node_state (*state)(void *user);
    void (*send)(void *user, const uint8_t *packet, size_t bytes);
    void *user;
    size_t frame_bytes; /* the longest packet or frame that the radio takes */
    bool any_length;    /* frames need not have the same length: coded packets, if the model has them */
    /* The largest error that is wanted, in per cent of the channels' magnitude; 0: whatever the rate gives. Link and
     * battery say which rate is the highest that may be sent, the bound which of these is sent: the lowest that keeps it. */
    float bound_percent;
    /* Room for an escape, which is sent where no such rate keeps the bound, if it fits here and into a frame; NULL: none
     * is. EC_ESCAPE_PACKET_BYTES are enough for any window. Windows that are asked for go here, too: ec_exact_packet_size()
     * are enough for any exact one. */
    uint8_t *escape;
    size_t escape_bytes;
    const ec_link *link; /* frames go out, for a gateway that knows the node's model; NULL: packets, which tell it */
    const ec_node_sharing *sharing; /* coded windows in a row share a frame, if frames go out; NULL: each has its own */
} ec_node_board;

typedef struct ec_node {
    ec_context context;
    ec_intake intake;
    ec_rate_policy policy;
    uint32_t samples; /* so far, by ec_node_put */
    uint32_t lost;    /* of these, that came while a full window waited: ec_node_serve was called too late */
    uint16_t number;  /* of the window that fills up, or is full: by time, so that lost samples leave a gap at last */
    uint32_t windows; /* served so far */
    uint32_t over_bound; /* windows that were sent beyond the bound: no allowed rate could hold them, nor an escape */
    uint32_t escapes;    /* windows that only an escape could hold */
    uint32_t refused; /* windows without a packet: a broken sensor, as a rule, or a frame too small for any */
    ec_request request; /* the last one; its windows are counted down */
    uint32_t answered;  /* windows that were sent whole since they were asked for */
    int32_t *counts;    /* of the window that fills up, or is full; NULL: they are not kept */
    uint32_t kept;      /* samples of that window whose counts are there */
    float unit;         /* of its counts */
    ec_model_slots slots;
    ec_context next;          /* of the model that came in */
    volatile bool is_waiting; /* the next window begins with that one */
    ec_series series;    /* that fills up, if it has windows */
    size_t series_bytes; /* of its frame */
    ec_remarks remarks;
    uint16_t indices[EC_INDICES];
    uint8_t packet[EC_PACKET_BYTES];
    uint32_t intake_memory[(EC_INTAKE_BYTES + 3) / 4];
} ec_node;

ec_status ec_node_begin(ec_node *node, void *arena, size_t arena_bytes);

/* One sample of every channel, [EC_CHANNELS], at the model's sample rate: in the unit of windows, or a converter's counts,
 * one of which is `unit` of that. An interrupt may call it. */
void ec_node_put(ec_node *node, const float *sample);
void ec_node_put_counts(ec_node *node, const int32_t *counts, float unit);

/* Lends room for a window's counts, int32_t [EC_SAMPLES][EC_CHANNELS], without which none can be sent exactly. To be called
 * before the first sample comes. */
void ec_node_keep_counts(ec_node *node, int32_t *counts);

/* Takes a message from the receiver (request.h): the windows that follow are sent as it says, one that is full and waits
 * included. A window that does not fit the board's room or frame is sent as ever. False, and all stays as it is: the
 * message is damaged, or the node cannot send such windows. Not while ec_node_serve is at work. */
bool ec_node_request(ec_node *node, const uint8_t *message, size_t bytes);

/* Lends slots for models that come over the air, and goes on with the newest one of them. To be called before the first
 * sample comes. */
ec_status ec_node_use_slots(ec_node *node, const ec_slot_memory *memory);

/* Takes a piece of a model (model_slots.h), from its byte `at` on. The windows go on meanwhile. EC_ERROR_NULL: there are no
 * slots. EC_ERROR_CONTEXT: the model before waits for its first window, or that one is not served yet. */
ec_status ec_node_receive(ec_node *node, size_t at, const void *piece, size_t bytes);

/* Once all pieces are there: checks the model, and has it make the windows from the next one on that begins. One that is cut
 * off, damaged, or of another shape is refused, and the node stays with what it runs. Not while ec_node_serve is at work. */
ec_status ec_node_take_model(ec_node *node);

/* Encodes and sends a window if one is full. To be called before the next sample comes, or that one is lost. A window's
 * number is its packet's sequence number, so that the receiver sees a gap where one was refused. */
void ec_node_serve(ec_node *node, const ec_node_board *board);

/* Sends windows that wait for others to share their frame, as before the node sleeps for long. */
void ec_node_flush(ec_node *node, const ec_node_board *board);

#ifdef __cplusplus
}
#endif

#endif
