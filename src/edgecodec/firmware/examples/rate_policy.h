/* How much a node sends per window: what its link and its battery allow, without going to and fro.
 *
 * Both have a least value, at which the lowest rate may be sent, and a step: every step above allows one rate more.
 *
 *     link      6 dB of margin above the receiver's sensitivity, steps of 6 dB: a weak link loses long packets first
 *     battery   20 % of charge, steps of 20 %
 *
 * The poorer of the two decides. The rate falls at once. It rises by one after EC_CALM_WINDOWS windows in a row that
 * allow more even with 2 dB and 3 % less: a link or battery at a threshold does not make it swing.
 *
 * The numbers are a beginning, for a radio with room to spare: fit them to yours.
 */
#ifndef EC_RATE_POLICY_H
#define EC_RATE_POLICY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EC_CALM_WINDOWS 3u

typedef struct ec_node_state {
    int32_t link_margin_decibels; /* of the latest acknowledgement; below 0 if there was none */
    int32_t battery_percent;
} ec_node_state;

typedef struct ec_rate_policy {
    uint32_t rate; /* 1 .. the model's rates */
    uint32_t calm; /* windows in a row that would have allowed more */
} ec_rate_policy;

/* A node begins with the shortest packet: it does not know its link yet. */
ec_rate_policy ec_rate_policy_begin(void);

/* The rate of the next window. */
uint32_t ec_rate_policy_next(ec_rate_policy *policy, ec_node_state state, uint32_t rates);

#ifdef __cplusplus
}
#endif

#endif
