/* The node on a PC: node [--coded] [--frame BYTES] [--within PERCENT] [--radio] [--together WINDOWS] [--escape] STATES
 *                       < SAMPLES > PACKETS
 *
 *     SAMPLES   float32 [n][EC_CHANNELS], as they come from the sensors
 *     STATES    a text: "<link margin, dB> <battery, %>" for every window; the last line holds for the rest
 *     PACKETS   a file for `edgecodec decode` (--link radio): "ECP1", then each packet, with --radio each frame, behind
 *               its length in two bytes
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"

typedef struct stand_in {
    FILE *states;
    ec_node_state state;
} stand_in;

static ec_node_state read_state(void *user) {
    stand_in *radio = user;
    ec_node_state next;
    if (fscanf(radio->states, "%" SCNd32 " %" SCNd32, &next.link_margin_decibels, &next.battery_percent) == 2) {
        radio->state = next;
    }
    return radio->state;
}

static void send_packet(void *user, const uint8_t *packet, size_t bytes) {
    (void)user;
    const uint8_t length[2] = {(uint8_t)(bytes & 0xff), (uint8_t)(bytes >> 8)};
    fwrite(length, 1, sizeof length, stdout);
    fwrite(packet, 1, bytes, stdout);
}

static int run(ec_node *node, const ec_node_board *board) {
    static _Alignas(EC_ARENA_ALIGNMENT) uint8_t arena[EC_ARENA_BYTES];
    const ec_status status = ec_node_begin(node, arena, sizeof arena);
    if (status != EC_OK) {
        fprintf(stderr, "node: ec_init gives status %d\n", (int)status);
        return EXIT_FAILURE;
    }
    fputs("ECP1", stdout);
    float sample[EC_CHANNELS];
    while (fread(sample, sizeof sample, 1, stdin) == 1) {
        ec_node_put(node, sample);
        ec_node_serve(node, board);
    }
    ec_node_flush(node, board);
    fprintf(stderr, "node: %" PRIu32 " windows, %" PRIu32 " refused\n", node->windows, node->refused);
    if (board->bound_percent > 0.0f) {
        fprintf(stderr, "node: %" PRIu32 " over the bound, %" PRIu32 " escapes\n", node->over_bound, node->escapes);
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    static ec_node node;
    stand_in radio = {NULL, {0, 0}};
    static uint8_t escape[EC_LONGEST_PACKET_BYTES];
    static const ec_link by_radio = EC_LINK_RADIO;
    static uint64_t memory[EC_SERIES_BYTES / sizeof(uint64_t)];
    static uint8_t shared[EC_LONGEST_PACKET_BYTES];
    ec_node_sharing sharing = {0, memory, sizeof memory, shared, sizeof shared};
    ec_node_board board = {read_state, send_packet, &radio, EC_LONGEST_PACKET_BYTES, false, 0.0f, NULL, 0, NULL, NULL};
    int next = 1;
    if (next < argc && strcmp(argv[next], "--coded") == 0) {
        board.any_length = true;
        next++;
    }
    if (next + 1 < argc && strcmp(argv[next], "--frame") == 0) {
        board.frame_bytes = strtoul(argv[next + 1], NULL, 10);
        next += 2;
    }
    if (next + 1 < argc && strcmp(argv[next], "--within") == 0) {
        board.bound_percent = strtof(argv[next + 1], NULL);
        next += 2;
    }
    if (next < argc && strcmp(argv[next], "--radio") == 0) {
        board.link = &by_radio;
        next++;
    }
    if (next + 1 < argc && strcmp(argv[next], "--together") == 0) { /* latency is as many windows */
        sharing.windows = (uint32_t)strtoul(argv[next + 1], NULL, 10);
        board.sharing = &sharing;
        next += 2;
    }
    if (next < argc && strcmp(argv[next], "--escape") == 0) {
        board.escape = escape;
        board.escape_bytes = sizeof escape;
        next++;
    }
    radio.states = next + 1 == argc ? fopen(argv[next], "r") : NULL;
    if (radio.states == NULL) {
        fputs("use: node [--coded] [--frame BYTES] [--within PERCENT] [--radio] [--together WINDOWS] [--escape] STATES "
              "< SAMPLES > PACKETS\n", stderr);
        return EXIT_FAILURE;
    }
    const int status = run(&node, &board);
    fclose(radio.states);
    return status;
}
