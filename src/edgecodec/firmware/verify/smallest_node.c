/* The least that a node links: samples as they come, packets of a fixed length. Built for its size, not to run: there are no
 * sensors, and the packet goes nowhere. */
#include "codec_model.h"
#include "qemu.h"
#include "serial.h"

_Noreturn void program(void) {
    static _Alignas(EC_ARENA_ALIGNMENT) uint8_t arena[EC_ARENA_BYTES];
    static _Alignas(uint32_t) uint8_t memory[EC_INTAKE_BYTES];
    static int32_t counts[EC_CHANNELS];
    static uint16_t indices[EC_INDICES];
    static uint8_t packet[EC_PACKET_BYTES];
    ec_context context;
    ec_intake intake = {.memory = NULL};
    ec_team team = ec_serial_team();
    size_t bytes = 0;
    ec_status status = ec_init(&context, arena, sizeof arena, &codec_weights, sizeof codec_weights, &codec_codebooks,
                               sizeof codec_codebooks);
    if (status == EC_OK) {
        status = ec_begin_intake(&intake, &context, memory, sizeof memory);
    }
    while (status == EC_OK && !ec_intake_is_full(&intake)) {
        status = ec_push_counts(&intake, counts, 1.0f);
    }
    if (status == EC_OK) {
        status = ec_encode_intake(&context, &team, &intake, EC_RATES, indices, NULL);
    }
    if (status == EC_OK) {
        status = ec_pack(&context, EC_RATES, 0, indices, NULL, packet, sizeof packet, &bytes);
    }
    qemu_exit((uint32_t)status);
}
