/* The least that a node links: one window, packets of a fixed length. Built for its size, not to run: there are no
 * sensors, and the packet goes nowhere. */
#include "codec_model.h"
#include "qemu.h"
#include "serial.h"

_Noreturn void program(void) {
    static _Alignas(EC_ARENA_ALIGNMENT) uint8_t arena[EC_ARENA_BYTES];
    static float window[EC_SAMPLES][EC_CHANNELS];
    static uint16_t indices[EC_INDICES];
    static uint8_t packet[EC_PACKET_BYTES];
    ec_context context;
    ec_team team = ec_serial_team();
    size_t bytes = 0;
    ec_status status = ec_init(&context, arena, sizeof arena, &codec_weights, &codec_codebooks);
    if (status == EC_OK) {
        status = ec_encode(&context, &team, &window[0][0], EC_RATES, indices, NULL);
    }
    if (status == EC_OK) {
        status = ec_pack(EC_RATES, 0, indices, NULL, packet, sizeof packet, &bytes);
    }
    qemu_exit((uint32_t)status);
}
