#include "sampler.h"

#include <stdatomic.h>

/* Fences beside volatile counters, rather than atomic ones: cores without atomic instructions, as RISC-V without A, read
 * and write a word in one all the same, but there compilers call a library for atomic words. */
static uint32_t read_counter(const volatile uint32_t *counter) {
    const uint32_t value = *counter;
    atomic_thread_fence(memory_order_acquire); /* what was done before it was written is done */
    return value;
}

static void advance(volatile uint32_t *counter) {
    atomic_thread_fence(memory_order_release); /* all that came before is done before it is written */
    *counter = *counter + 1;
}

void ec_sampler_begin(ec_sampler *sampler) {
    sampler->filled = 0;
    sampler->released = 0;
    sampler->row = 0;
    sampler->number = 0;
    sampler->skipping = false;
}

void ec_sampler_put(ec_sampler *sampler, const float *sample) {
    const uint32_t turn = sampler->filled % 2;
    if (sampler->row == 0) {
        sampler->skipping = sampler->filled - read_counter(&sampler->released) == 2;
    }
    for (uint32_t channel = 0; channel < EC_CHANNELS && !sampler->skipping; channel++) {
        sampler->windows[turn][sampler->row][channel] = sample[channel];
    }
    if (++sampler->row < EC_SAMPLES) {
        return;
    }
    sampler->row = 0;
    if (!sampler->skipping) {
        sampler->numbers[turn] = sampler->number;
        advance(&sampler->filled);
    }
    sampler->number++;
}

ec_full_window ec_sampler_full(const ec_sampler *sampler) {
    ec_full_window window = {NULL, 0};
    if (read_counter(&sampler->filled) != sampler->released) {
        const uint32_t turn = sampler->released % 2;
        window.samples = &sampler->windows[turn][0][0];
        window.number = sampler->numbers[turn];
    }
    return window;
}

void ec_sampler_release(ec_sampler *sampler) {
    advance(&sampler->released);
}
