/* The example of a node on one core of QEMU. Its sensors are the linked counts, int32_t [n][EC_CHANNELS], one of which is
 * NODE_UNIT; its radio says every frame in a line of hexadecimal digits. A model comes over the air while the first window
 * fills up: the one that is linked, once damaged, which is refused, and then as it is. */
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

/* RAM in place of flash. */
static ec_model_slot slots[EC_SLOTS];

static bool erase(void *user, uint32_t slot) {
    (void)user;
    volatile uint8_t *bytes = (volatile uint8_t *)&slots[slot]; /* no call of memset, which there is not */
    for (size_t i = 0; i < sizeof slots[slot]; i++) {
        bytes[i] = 0xff;
    }
    return true;
}

static bool write(void *user, uint32_t slot, size_t at, const void *data, size_t bytes) {
    (void)user;
    volatile uint8_t *to = (volatile uint8_t *)&slots[slot] + at;
    for (size_t i = 0; i < bytes; i++) {
        to[i] = ((const uint8_t *)data)[i];
    }
    return true;
}

/* In two pieces. */
static ec_status receive(ec_node *node, bool damaged) {
    ec_status status = ec_node_receive(node, 0, &codec_weights, sizeof codec_weights);
    if (status == EC_OK) {
        status = ec_node_receive(node, sizeof codec_weights, &codec_codebooks, sizeof codec_codebooks);
    }
    if (damaged) {
        ((uint8_t *)&slots[ec_incoming_slot(&node->slots)])[sizeof *slots / 2] ^= 1u;
    }
    return status == EC_OK ? ec_node_take_model(node) : status;
}

_Noreturn void program(void) {
    static _Alignas(EC_ARENA_ALIGNMENT) uint8_t arena[EC_ARENA_BYTES];
    static ec_node node;
    static const ec_link link = EC_LINK_RADIO;
    const ec_node_board board = {.state = perfect, .send = send, .frame_bytes = EC_PACKET_BYTES, .link = &link};
    const int32_t *counts = (const int32_t *)(const void *)linked_windows;
    const ec_slot_memory memory = {slots, erase, write, NULL};
    ec_status status = ec_node_begin(&node, arena, sizeof arena);
    if (status == EC_OK) {
        status = ec_node_use_slots(&node, &memory);
    }
    for (uint32_t sample = 0; status == EC_OK && sample < linked_window_count() * EC_SAMPLES; sample++) {
        ec_node_put_counts(&node, counts + (size_t)sample * EC_CHANNELS, NODE_UNIT);
        ec_node_serve(&node, &board);
        if (sample == EC_SAMPLES / 2) {
            status = receive(&node, true) == EC_ERROR_MODEL ? receive(&node, false) : EC_ERROR_MODEL;
        }
    }
    qemu_put(node.slots.running == 0 ? "done\n" : "not of the model that came in\n");
    qemu_exit((uint32_t)status + node.refused + node.lost);
}
