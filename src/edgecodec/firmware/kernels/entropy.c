#include "entropy.h"

#include "range_coder.h"
#include "scalars.h"

#define SLOTS_BITS 12u

/* The words of one rate, and what codes them. */
typedef struct symbols {
    const ec_class *classes;
    const uint16_t *class_of;   /* [coordinates] */
    const uint16_t *cumulative; /* of the regimes, then of the classes */
    const uint16_t *words;      /* [coordinates] */
} symbols;

static const uint16_t *halfwords_at(const uint8_t *codebooks, uint32_t at) {
    return (const uint16_t *)(const void *)(codebooks + at);
}

static ec_status check_words(const symbols *of, uint32_t coordinates) {
    bool known = true;
    for (uint32_t i = 0; i < coordinates; i++) {
        known = known && of->words[i] <= 2u * of->classes[of->class_of[i]].reach;
    }
    return known ? EC_OK : EC_ERROR_INDEX;
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
    const symbols own = {
        .classes = (const ec_class *)(const void *)(codebooks + scalars->classes),
        .class_of = halfwords_at(codebooks, scalars->class_of) + (size_t)number * coordinates,
        .cumulative = halfwords_at(codebooks, scalars->cumulative),
        .words = indices + 1 + (size_t)(rate - 1) * coordinates,
    };
    const ec_status status = check_words(&own, coordinates);
    if (status != EC_OK) {
        return status;
    }
    ec_range_coder coder;
    ec_start_range_coder(&coder, payload, capacity);
    if (scalars->regimes > 1) {
        code_symbol(&coder, own.cumulative, regime);
    }
    const uint16_t *of_classes = own.cumulative + scalars->regimes + 1;
    for (uint32_t i = 0; i < coordinates; i++) {
        const uint32_t number_of_class = own.class_of[i];
        const ec_class *class = &own.classes[number_of_class];
        if (class->reach > 0) { /* each table before has one number more than entries */
            code_symbol(&coder, of_classes + class->first + number_of_class, own.words[i] >> class->fine_bits);
            code_fine_bits(&coder, own.words[i], class->fine_bits);
        }
    }
    const size_t size = ec_finish_range_coder(&coder);
    if (size > capacity) {
        return EC_ERROR_CAPACITY;
    }
    *bytes = size;
    return EC_OK;
}
