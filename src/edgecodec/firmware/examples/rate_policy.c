#include "rate_policy.h"

enum {
    LINK_LEAST = 6, /* dB */
    LINK_STEP = 6,
    LINK_RESERVE = 2,
    BATTERY_LEAST = 20, /* % */
    BATTERY_STEP = 20,
    BATTERY_RESERVE = 3,
};

static uint32_t allowed(int32_t value, int32_t least, int32_t step) {
    return value < least ? 1u : 1u + (uint32_t)(value - least) / (uint32_t)step;
}

static uint32_t poorer(uint32_t one, uint32_t other) {
    return one < other ? one : other;
}

/* With that much of link and battery held in reserve. */
static uint32_t allowed_with(ec_node_state state, int32_t link_reserve, int32_t battery_reserve) {
    return poorer(allowed(state.link_margin_decibels - link_reserve, LINK_LEAST, LINK_STEP),
                  allowed(state.battery_percent - battery_reserve, BATTERY_LEAST, BATTERY_STEP));
}

ec_rate_policy ec_rate_policy_begin(void) {
    const ec_rate_policy policy = {.rate = 1, .calm = 0};
    return policy;
}

uint32_t ec_rate_policy_next(ec_rate_policy *policy, ec_node_state state, uint32_t rates) {
    const uint32_t most = poorer(rates, allowed_with(state, 0, 0));
    const uint32_t surely = poorer(rates, allowed_with(state, LINK_RESERVE, BATTERY_RESERVE));
    policy->calm = surely > policy->rate ? policy->calm + 1 : 0;
    if (most < policy->rate) {
        policy->rate = most;
    } else if (policy->calm == EC_CALM_WINDOWS) {
        policy->rate++;
        policy->calm = 0;
    }
    return policy->rate;
}
