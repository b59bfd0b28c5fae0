/* The verification program on one core of QEMU. */
#include "codec_model.h"
#include "linked_windows.h"
#include "qemu.h"
#include "serial.h"
#include "verify.h"

_Noreturn void program(void) {
    static _Alignas(EC_ARENA_ALIGNMENT) uint8_t arena[EC_ARENA_BYTES];
    static uint16_t indices[EC_INDICES];
    static uint8_t packet[EC_LONGEST_PACKET_BYTES];
    static _Alignas(uint32_t) uint8_t intake[EC_INTAKE_BYTES];
    static const ec_platform platform = {qemu_put, qemu_instructions, qemu_deepest_stack};
    ec_verification verification = {
        .platform = &platform,
        .arena = arena,
        .arena_bytes = sizeof arena,
        .weights = &codec_weights,
        .weights_bytes = sizeof codec_weights,
        .codebooks = &codec_codebooks,
        .codebooks_bytes = sizeof codec_codebooks,
        .windows = linked_windows,
        .count = linked_window_count(),
        .indices = indices,
        .packet = packet,
        .packet_bytes = sizeof packet,
        .intake_memory = intake,
        .intake_bytes = sizeof intake,
    };
    ec_team team = ec_serial_team();
    qemu_exit(ec_verify(&verification, &team) == EC_OK ? 0 : 1);
}
