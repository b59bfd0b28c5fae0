/* The verification program on the eight cores of a PULP cluster: arena in L1, everything else in L2. */
#include "codec_model.h"
#include "linked_windows.h"
#include "pulp.h"
#include "team.h"
#include "verify.h"

_Noreturn void cluster_main(uint32_t core) {
    static PULP_L1 _Alignas(EC_ARENA_ALIGNMENT) uint8_t arena[EC_ARENA_BYTES];
    static uint16_t indices[EC_INDICES];
    static uint8_t packet[EC_LONGEST_PACKET_BYTES];
    static _Alignas(uint32_t) uint8_t intake[EC_INTAKE_BYTES];
    static const ec_platform platform = {pulp_put, pulp_cycles, pulp_deepest_stack};
    static ec_verification verification = {
        .platform = &platform,
        .arena = arena,
        .arena_bytes = sizeof arena,
        .weights = &codec_weights,
        .weights_bytes = sizeof codec_weights,
        .codebooks = &codec_codebooks,
        .codebooks_bytes = sizeof codec_codebooks,
        .windows = linked_windows,
        .indices = indices,
        .packet = packet,
        .packet_bytes = sizeof packet,
        .intake_memory = intake,
        .intake_bytes = sizeof intake,
    };
    if (core == 0) {
        verification.count = linked_window_count();
        pulp_start_workers();
    }
    pulp_barrier_join();
    ec_team team = ec_pulp_team(core);
    const ec_status status = ec_verify(&verification, &team);
    if (core == 0) {
        pulp_exit(status == EC_OK ? 0 : 1);
    }
    for (;;) {
        pulp_barrier();
    }
}
