#include "entropy.h"

#include "range_coder.h"
#include "scalars.h"

#define SLOTS_BITS 12u

static const uint16_t *halfwords_at(const uint8_t *codebooks, uint32_t at) {
    return (const uint16_t *)(const void *)(codebooks + at);
}

static void code_symbol(ec_range_coder *coder, const uint16_t *cumulative, uint32_t word) {
    const uint32_t unit = coder->width >> SLOTS_BITS;
    const uint32_t first = cumulative[word];
    ec_narrow(coder, unit * first, unit * (cumulative[word + 1] - first));
}

/* As with a table of equal frequencies. */
static void code_fine_bits(ec_range_coder *coder, uint32_t word, uint32_t bits) {
    if (bits > 0) {
        const uint32_t share = (coder->width >> SLOTS_BITS) << (SLOTS_BITS - bits);
        ec_narrow(coder, share * (word & ((1u << bits) - 1u)), share);
    }
}

ec_status ec_entropy_encode(const ec_scalars *scalars, const uint8_t *codebooks, uint32_t rate, const uint16_t *indices,
                            uint8_t *payload, size_t capacity, size_t *bytes) {
    *bytes = 0;
    const uint32_t coordinates = scalars->latent.channels;
    const uint32_t regime = indices[0];
    if (regime >= scalars->regimes) {
        return EC_ERROR_INDEX;
    }
    const uint32_t number = (rate - 1) * scalars->regimes + regime;
    const ec_class *classes = (const ec_class *)(const void *)(codebooks + scalars->classes);
    const uint16_t *class_of = halfwords_at(codebooks, scalars->class_of) + (size_t)number * coordinates;
    const uint16_t *of_regimes = halfwords_at(codebooks, scalars->cumulative);
    const uint16_t *of_classes = of_regimes + scalars->regimes + 1;
    const uint16_t *words = indices + 1 + (size_t)(rate - 1) * coordinates;
    ec_range_coder coder;
    ec_start_range_coder(&coder, payload, capacity);
    if (scalars->regimes > 1) {
        code_symbol(&coder, of_regimes, regime);
    }
    for (uint32_t i = 0; i < coordinates; i++) {
        const uint32_t number_of_class = class_of[i];
        const ec_class *class = &classes[number_of_class];
        const uint32_t reach = class->reach, word = words[i];
        if (word > 2u * reach) {
            return EC_ERROR_INDEX;
        }
        if (reach > 0) { /* each table before has one number more than entries */
            const uint32_t fine_bits = class->fine_bits;
            code_symbol(&coder, of_classes + class->first + number_of_class, word >> fine_bits);
            code_fine_bits(&coder, word, fine_bits);
        }
    }
    const size_t size = ec_finish_range_coder(&coder);
    if (size > capacity) {
        return EC_ERROR_CAPACITY;
    }
    *bytes = size;
    return EC_OK;
}
