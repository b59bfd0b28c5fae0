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
    const ec_status status = ec_init(&node->context, arena, arena_bytes, &codec_weights, &codec_codebooks);
    return status != EC_OK ? status
                           : ec_begin_intake(&node->intake, &node->context, node->intake_memory,
                                             sizeof node->intake_memory);
}

static void number_window(ec_node *node) {
    if (node->intake.samples == 0) {
        node->number = (uint16_t)(node->samples / EC_SAMPLES);
    }
}

static void count_sample(ec_node *node, ec_status status) {
    node->samples++;
    node->lost += status != EC_OK;
}

void ec_node_put(ec_node *node, const float *sample) {
    number_window(node);
    count_sample(node, ec_push(&node->intake, sample));
}

void ec_node_put_counts(ec_node *node, const int32_t *counts, float unit) {
    number_window(node);
    count_sample(node, ec_push_counts(&node->intake, counts, unit));
}

typedef struct packet {
    uint8_t *at;
    size_t bytes;
} packet;

/* Of the window that was just encoded. */
static bool make_escape(const ec_node *node, const ec_node_board *board, uint16_t number, packet *made) {
    const size_t capacity = board->escape_bytes < board->frame_bytes ? board->escape_bytes : board->frame_bytes;
    made->at = board->escape;
    return board->escape != NULL && ec_pack_escape(&node->context, board->bound_percent, number, &node->remarks,
                                                   board->escape, capacity, &made->bytes) == EC_OK;
}

static ec_status make_packet(ec_node *node, const ec_node_board *board, uint16_t number, uint32_t most, bool coded,
                             packet *made) {
    ec_team team = ec_serial_team(); /* on several cores: see ports/ */
    uint16_t *indices = node->indices;
    ec_remarks *remarks = ec_model_info()->makes_remarks ? &node->remarks : NULL;
    const ec_status status =
        coded ? ec_encode_intake_coded(&node->context, &team, &node->intake, most, indices, remarks)
              : ec_encode_intake(&node->context, &team, &node->intake, most, indices, remarks);
    if (status != EC_OK) {
        return status;
    }
    uint32_t rate = most; /* or the lowest that keeps the bound */
    if (remarks != NULL && board->bound_percent > 0.0f &&
        ec_rate_within(remarks, board->bound_percent, most, &rate) == EC_ERROR_BOUND) {
        if (make_escape(node, board, number, made)) {
            node->escapes++;
            return EC_OK;
        }
        node->over_bound++; /* it is sent all the same, and its remarks say so */
    }
    made->at = node->packet;
    if (coded) {
        return ec_pack_coded(&node->context, rate, number, indices, remarks, node->packet, sizeof node->packet,
                             &made->bytes);
    }
    return ec_pack(rate, number, indices, remarks, node->packet, sizeof node->packet, &made->bytes);
}

/* In its own place, if the board sends frames. */
static ec_status make_frame(const ec_node_board *board, packet *made) {
    return board->link == NULL
               ? EC_OK
               : ec_frame(*board->link, made->at, made->bytes, made->at, made->bytes, &made->bytes);
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
    const size_t longest = ec_coded_packet_size(rate); /* 0 if the model has no coded packets */
    const bool coded = board->any_length && longest > 0 && longest + EC_REMARKS_BYTES <= board->frame_bytes;
    packet made;
    if (make_packet(node, board, number, rate, coded, &made) == EC_OK && make_frame(board, &made) == EC_OK &&
        made.bytes <= board->frame_bytes) {
        board->send(board->user, made.at, made.bytes);
    } else {
        node->refused++;
    }
}

void ec_node_serve(ec_node *node, const ec_node_board *board) {
    if (ec_intake_is_full(&node->intake)) {
        node->windows++;
        send_window(node, board);
    }
}
