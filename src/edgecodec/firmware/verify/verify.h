/* Encodes and packs windows and prints what came out, layer by layer, in a form that a program compares bit for bit.
 *
 *     model <first 16 hex digits of the model hash> workers <n>
 *     window <i>
 *     layer <step> <name> hash <of the layer's output> cycles <n>
 *     stage <s> hash <of the stage's indices> cycles <n>
 *     indices <window> <s> <index of token 0> ...          while regimes compete: of all tokens in all regimes
 *     regime <r> hash <of the regimes' energies> cycles <n>    once they have competed; absent if there is one regime
 *     remarks <faulty channels> hash <of the remarks> cycles 0    if the model makes any
 *     pack <rate> hash <of the packet> cycles <n>
 *     escape <bytes> hash <of the packet> cycles <n>    within 3 per cent, if the model makes remarks
 *     chain <rate> hash <of the packet> cycles <n>    from window to packet once more, unobserved; first window only
 *     pushed <rate> hash <of the packet> cycles <n>    the same at the highest rate, pushed sample by sample
 *     coded <a line of stage, indices, regime, pack, chain or pushed, as above>    of coded packets, if the model has them
 *     stack <bytes>
 *     done
 *
 * `error <text>` takes the place of what could not be done. Hashes are 64-bit FNV-1a over bytes. Packets carry the
 * window's number as their sequence number. The program is free of libc, so that it runs on bare metal.
 */
#ifndef EC_VERIFY_H
#define EC_VERIFY_H

#include <stdbool.h>

#include "edgecodec.h"

/* What the target lends. */
typedef struct ec_platform {
    void (*put)(const char *text);   /* appends to standard output */
    uint32_t (*cycles)(void);        /* a counter that runs freely; NULL: cycles are printed as 0 */
    uint32_t (*stack_bytes)(void);   /* the deepest use of any worker's stack; NULL: not printed */
} ec_platform;

/* Filled by the target's main up to `intake_bytes`; one for the whole team. */
typedef struct ec_verification {
    const ec_platform *platform;
    void *arena;
    size_t arena_bytes;
    const void *weights;
    size_t weights_bytes;
    const void *codebooks;
    size_t codebooks_bytes;
    const float *windows; /* [count][samples][channels] */
    uint32_t count;
    uint16_t *indices; /* [EC_INDICES] */
    uint8_t *packet;   /* [packet_bytes] */
    size_t packet_bytes;
    void *intake_memory; /* [intake_bytes] */
    size_t intake_bytes;

    ec_context context;
    ec_intake intake;
    ec_observer observer;
    ec_status status;
    ec_remarks remarks;
    uint32_t window;
    bool coded;     /* the window goes through the encoder again, for coded packets */
    uint32_t since; /* the cycle counter when the step that is being measured began */
} ec_verification;

/* Collective: every worker of the team calls it. All return the same status. */
ec_status ec_verify(ec_verification *verification, ec_team *team);

#endif
