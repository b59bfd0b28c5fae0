#include "node.h"

#include "serial.h"

ec_status ec_node_begin(ec_node *node, void *arena, size_t arena_bytes) {
    node->policy = ec_rate_policy_begin();
    node->samples = 0;
    node->lost = 0;
    node->number = 0;
    node->windows = 0;
    node->refused = 0;
    node->over_bound = 0;
    node->escapes = 0;
    node->request.windows = 0;
    node->answered = 0;
    node->counts = NULL;
    node->kept = 0;
    node->unit = 0.0f;
    node->series.windows = 0;
    node->series.rate = 0;
    node->series.sequence = 0;
    const ec_status status = ec_init(&node->context, arena, arena_bytes, &codec_weights, sizeof codec_weights,
                                     &codec_codebooks, sizeof codec_codebooks);
    return status != EC_OK ? status
                           : ec_begin_intake(&node->intake, &node->context, node->intake_memory,
                                             sizeof node->intake_memory);
}

void ec_node_keep_counts(ec_node *node, int32_t *counts) {
    node->counts = counts;
}

bool ec_node_request(ec_node *node, const uint8_t *message, size_t bytes) {
    ec_request request;
    if (!ec_read_request(message, bytes, &request) ||
        (request.kind == EC_WANTED_EXACT ? node->counts == NULL : !ec_model_info()->makes_remarks)) {
        return false;
    }
    node->request = request;
    return true;
}

static void begin_sample(ec_node *node) {
    if (node->intake.samples == 0) {
        node->number = (uint16_t)(node->samples / EC_SAMPLES);
        node->kept = 0;
    }
}

static void keep_counts(ec_node *node, const int32_t *counts, float unit) {
    if (node->counts != NULL && !ec_intake_is_full(&node->intake)) {
        int32_t *kept = node->counts + (size_t)node->intake.samples * EC_CHANNELS;
        for (uint32_t channel = 0; channel < EC_CHANNELS; channel++) {
            kept[channel] = counts[channel];
        }
        node->kept += node->kept == 0 || unit == node->unit; /* of another unit: the window is not kept */
        node->unit = unit;
    }
}

static void count_sample(ec_node *node, ec_status status) {
    node->samples++;
    node->lost += status != EC_OK;
}

void ec_node_put(ec_node *node, const float *sample) {
    begin_sample(node);
    count_sample(node, ec_push(&node->intake, sample));
}

void ec_node_put_counts(ec_node *node, const int32_t *counts, float unit) {
    begin_sample(node);
    keep_counts(node, counts, unit);
    count_sample(node, ec_push_counts(&node->intake, counts, unit));
}

typedef struct packet {
    uint8_t *at;
    size_t bytes;
} packet;

static bool is_wanted(const ec_node *node, ec_wanted kind) {
    return node->request.windows > 0 && node->request.kind == kind;
}

static size_t capacity_of(const ec_node_board *board) {
    return board->escape_bytes < board->frame_bytes ? board->escape_bytes : board->frame_bytes;
}

/* Of the window that was just encoded. */
static bool make_escape(const ec_node *node, const ec_node_board *board, float bound_percent, uint16_t number,
                        packet *made) {
    made->at = board->escape;
    return board->escape != NULL && ec_pack_escape(&node->context, bound_percent, number, &node->remarks, board->escape,
                                                   capacity_of(board), &made->bytes) == EC_OK;
}

/* Of the window that is full, before it is encoded: then the next one's samples take its place. */
static bool make_exact(const ec_node *node, const ec_node_board *board, uint16_t number, packet *made) {
    uint16_t scratch[EC_CHANNELS];
    made->at = board->escape;
    return board->escape != NULL && node->kept == EC_SAMPLES &&
           ec_pack_exact(&node->context, node->counts, node->unit, number, scratch, board->escape,
                         capacity_of(board), &made->bytes) == EC_OK;
}

/* Of the longest packet whose frame the radio takes. */
static size_t packet_capacity(const ec_node *node, const ec_node_board *board) {
    const size_t saved = board->link == NULL ? 0 : ec_packet_size(1) - ec_frame_size(*board->link, 1);
    const size_t longest = board->frame_bytes + saved;
    return longest < sizeof node->packet ? longest : sizeof node->packet;
}

/* An unusual window takes more bytes than others: at the highest rate, from `rate` down, at which it fits. */
static ec_status pack_coded(ec_node *node, const ec_node_board *board, uint16_t number, uint32_t rate, packet *made) {
    const ec_remarks *remarks = ec_model_info()->makes_remarks ? &node->remarks : NULL;
    ec_status status = EC_ERROR_CAPACITY;
    for (; rate >= 1 && status == EC_ERROR_CAPACITY; rate--) {
        status = ec_pack_coded(&node->context, rate, number, node->indices, remarks, node->packet,
                               packet_capacity(node, board), &made->bytes);
    }
    return status;
}

void ec_node_flush(ec_node *node, const ec_node_board *board) {
    if (node->series.windows > 0) {
        board->send(board->user, node->series.frame, node->series_bytes);
        node->series.windows = 0;
    }
}

static ec_status begin_series(ec_node *node, const ec_node_board *board, uint16_t number, uint32_t rate) {
    const ec_node_sharing *sharing = board->sharing;
    const size_t longest = sharing->frame_bytes < board->frame_bytes ? sharing->frame_bytes : board->frame_bytes;
    return ec_begin_series(&node->series, &node->context, *board->link, rate, number, sharing->memory,
                           sharing->memory_bytes, sharing->frame, longest);
}

/* Adds the window to a frame that others share, at once or once that one is sent. False if it needs more than a frame. */
static bool share(ec_node *node, const ec_node_board *board, uint16_t number, uint32_t rate) {
    const ec_remarks *remarks = ec_model_info()->makes_remarks ? &node->remarks : NULL;
    ec_series *series = &node->series;
    if (rate != series->rate || number != (uint16_t)(series->sequence + series->windows)) {
        ec_node_flush(node, board);
    }
    ec_status status = EC_ERROR_CAPACITY;
    if (series->windows > 0) {
        status = ec_add_to_series(series, node->indices, remarks, &node->series_bytes);
    }
    if (status != EC_OK) {
        ec_node_flush(node, board);
        status = begin_series(node, board, number, rate);
        if (status == EC_OK) {
            status = ec_add_to_series(series, node->indices, remarks, &node->series_bytes);
        }
    }
    if (series->windows >= board->sharing->windows) {
        ec_node_flush(node, board);
    }
    return status == EC_OK;
}

/* Nothing is made of a window that shares a frame. */
static ec_status make_packet(ec_node *node, const ec_node_board *board, uint16_t number, uint32_t most, bool coded,
                             packet *made) {
    ec_team team = ec_serial_team(); /* on several cores: see ports/ */
    uint16_t *indices = node->indices;
    ec_remarks *remarks = ec_model_info()->makes_remarks ? &node->remarks : NULL;
    const bool exact = is_wanted(node, EC_WANTED_EXACT) && make_exact(node, board, number, made);
    const ec_status status =
        coded ? ec_encode_intake_coded(&node->context, &team, &node->intake, most, indices, remarks)
              : ec_encode_intake(&node->context, &team, &node->intake, most, indices, remarks);
    if (exact) {
        node->answered++;
        return EC_OK; /* whether it could be encoded or not */
    }
    if (status != EC_OK) {
        return status;
    }
    if (is_wanted(node, EC_WANTED_ESCAPE) && make_escape(node, board, node->request.bound_percent, number, made)) {
        node->answered++;
        return EC_OK;
    }
    uint32_t rate = most; /* or the lowest that keeps the bound */
    if (remarks != NULL && board->bound_percent > 0.0f &&
        ec_rate_within(remarks, board->bound_percent, most, &rate) == EC_ERROR_BOUND) {
        if (make_escape(node, board, board->bound_percent, number, made)) {
            node->escapes++;
            return EC_OK;
        }
        node->over_bound++; /* it is sent all the same, and its remarks say so */
    }
    made->at = node->packet;
    if (coded && board->link != NULL && board->sharing != NULL && share(node, board, number, rate)) {
        made->bytes = 0;
        return EC_OK;
    }
    if (coded) {
        return pack_coded(node, board, number, rate, made);
    }
    return ec_pack(&node->context, rate, number, indices, remarks, node->packet, sizeof node->packet, &made->bytes);
}

/* In its own place, if the board sends frames. */
static ec_status make_frame(const ec_node *node, const ec_node_board *board, packet *made) {
    return board->link == NULL || made->bytes == 0
               ? EC_OK
               : ec_frame(&node->context, *board->link, made->at, made->bytes, made->at, made->bytes, &made->bytes);
}

/* Of a fixed-length packet or its frame, whatever channels are faulty. */
static size_t longest_bytes(const ec_node_board *board, uint32_t rate) {
    const size_t healthy = board->link == NULL ? ec_packet_size(rate) : ec_frame_size(*board->link, rate);
    return healthy + EC_REMARKS_BYTES;
}

static void send_window(ec_node *node, const ec_node_board *board) {
    const uint16_t number = node->number; /* the next window's, once the intake is empty */
    uint32_t rate = ec_rate_policy_next(&node->policy, board->state(board->user), EC_RATES);
    while (rate > 1 && longest_bytes(board, rate) > board->frame_bytes) {
        rate--;
    }
    /* The size is 0 if the model has no coded packets. */
    const bool coded = board->any_length && ec_coded_packet_size(&node->context, rate) > 0;
    packet made;
    if (make_packet(node, board, number, rate, coded, &made) == EC_OK && make_frame(node, board, &made) == EC_OK &&
        made.bytes <= board->frame_bytes) {
        if (made.bytes > 0) {
            ec_node_flush(node, board); /* what came before goes before */
            board->send(board->user, made.at, made.bytes);
        }
    } else {
        node->refused++;
    }
}

void ec_node_serve(ec_node *node, const ec_node_board *board) {
    if (ec_intake_is_full(&node->intake)) {
        node->windows++;
        send_window(node, board);
        node->request.windows -= node->request.windows > 0;
    }
}
