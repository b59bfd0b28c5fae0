#include "node.h"

#include "serial.h"

ec_status ec_node_begin(ec_node *node, void *arena, size_t arena_bytes) {
    ec_sampler_begin(&node->sampler);
    node->policy = ec_rate_policy_begin();
    node->refused = 0;
    return ec_init(&node->context, arena, arena_bytes, &codec_weights, &codec_codebooks);
}

static ec_status make_packet(ec_node *node, ec_full_window window, uint32_t rate, bool coded, size_t *bytes) {
    ec_team team = ec_serial_team(); /* on several cores: see ports/ */
    uint16_t *indices = node->indices;
    const ec_status status = coded ? ec_encode_coded(&node->context, &team, window.samples, rate, indices)
                                   : ec_encode(&node->context, &team, window.samples, rate, indices);
    if (status != EC_OK) {
        return status;
    }
    if (coded) {
        return ec_pack_coded(&node->context, rate, window.number, indices, node->packet, sizeof node->packet, bytes);
    }
    return ec_pack(rate, window.number, indices, node->packet, sizeof node->packet, bytes);
}

static void send_window(ec_node *node, const ec_node_board *board, ec_full_window window) {
    uint32_t rate = ec_rate_policy_next(&node->policy, board->state(board->user), EC_RATES);
    while (rate > 1 && ec_packet_size(rate) > board->frame_bytes) {
        rate--;
    }
    const size_t longest = ec_coded_packet_size(rate); /* 0 if the model has no coded packets */
    const bool coded = board->any_length && longest > 0 && longest <= board->frame_bytes;
    size_t bytes;
    if (make_packet(node, window, rate, coded, &bytes) == EC_OK && bytes <= board->frame_bytes) {
        board->send(board->user, node->packet, bytes);
    } else {
        node->refused++;
    }
}

void ec_node_serve(ec_node *node, const ec_node_board *board) {
    for (ec_full_window window = ec_sampler_full(&node->sampler); window.samples != NULL;
         window = ec_sampler_full(&node->sampler)) {
        send_window(node, board, window);
        ec_sampler_release(&node->sampler);
    }
}
