/* float [n][EC_SAMPLES][EC_CHANNELS] */
#ifndef EC_LINKED_WINDOWS_H
#define EC_LINKED_WINDOWS_H

#include <stdint.h>

#include "codec_model.h"

extern const float linked_windows[];
extern const float linked_windows_end[];

static inline uint32_t linked_window_count(void) {
    return (uint32_t)(linked_windows_end - linked_windows) / (EC_SAMPLES * EC_CHANNELS);
}

#endif
