/* The example of a node on one core of QEMU. Its sensors are the linked counts, int32_t [n][EC_CHANNELS], one of which is
 * NODE_UNIT; its radio says every frame in a line of hexadecimal digits. */
#include "codec_model.h"
#include "linked_windows.h"
#include "node.h"
#include "qemu.h"

static ec_node_state perfect(void *user) {
    (void)user;
    const ec_node_state state = {.link_margin_decibels = 60, .battery_percent = 100};
    return state;
}

static void send(void *user, const uint8_t *frame, size_t bytes) {
    (void)user;
    qemu_put("frame ");
    for (size_t i = 0; i < bytes; i++) {
        const char digits[] = {"0123456789abcdef"[frame[i] >> 4], "0123456789abcdef"[frame[i] & 15], '\0'};
        qemu_put(digits);
    }
    qemu_put("\n");
}

_Noreturn void program(void) {
    static _Alignas(EC_ARENA_ALIGNMENT) uint8_t arena[EC_ARENA_BYTES];
    static ec_node node;
    static const ec_link link = EC_LINK_RADIO;
    const ec_node_board board = {.state = perfect, .send = send, .frame_bytes = EC_PACKET_BYTES, .link = &link};
    const int32_t *counts = (const int32_t *)(const void *)linked_windows;
    const ec_status status = ec_node_begin(&node, arena, sizeof arena);
    for (uint32_t sample = 0; status == EC_OK && sample < linked_window_count() * EC_SAMPLES; sample++) {
        ec_node_put_counts(&node, counts + (size_t)sample * EC_CHANNELS, NODE_UNIT);
        ec_node_serve(&node, &board);
    }
    qemu_put("done\n");
    qemu_exit((uint32_t)status + node.refused + node.lost);
}
