/* The interval of a window as two numbers with one digit of base 4096 per symbol, the regime's first. From the last
 * symbol to the first, a symbol with frequency f and cumulative frequency c maps the interval [first, last] of the
 * symbols behind it to [c . 0 + f * first, c . 0 + f * last + f - 1], where c becomes the leading digit.
 */
#include "entropy.h"

#define DIGIT_BITS 12u
#define DIGIT_MASK 0xfffu

typedef struct ec_number {
    uint16_t digits[EC_SYMBOLS_MAX + 1]; /* a zero at the end, for the last byte of an odd number of digits */
} ec_number;

typedef struct ec_slots {
    uint32_t first;
    uint32_t count;
} ec_slots;

size_t ec_entropy_size(uint32_t stages) {
    return stages < EC_SYMBOLS_MAX ? ((stages + 1u) * DIGIT_BITS + 7u) / 8u : 0;
}

static const ec_frequencies *frequencies_of(const ec_entropy *entropy, uint32_t regime, uint32_t symbol) {
    return symbol == 0 ? &entropy->regimes : &entropy->words[regime * entropy->stages + symbol - 1];
}

static ec_status check_symbols(const ec_entropy *entropy, uint32_t regime, const uint16_t *indices, uint32_t stages) {
    if (regime >= entropy->regimes.words) {
        return EC_ERROR_INDEX;
    }
    for (uint32_t stage = 0; stage < stages; stage++) {
        if (indices[stage] >= frequencies_of(entropy, regime, stage + 1)->words) {
            return EC_ERROR_INDEX;
        }
    }
    return EC_OK;
}

static ec_slots slots_of(const uint8_t *codebooks, const ec_frequencies *frequencies, uint32_t word) {
    const uint16_t *cumulative = (const uint16_t *)(const void *)(codebooks + frequencies->cumulative);
    const ec_slots found = {cumulative[word], (uint32_t)cumulative[word + 1] - cumulative[word]};
    return found;
}

/* Digits from `symbol` + 1 on times the symbol's frequency, plus `carry`; the rest leads to the symbol's own digit. */
static void put_before(ec_number *number, uint32_t symbol, uint32_t symbols, ec_slots slots, uint32_t carry) {
    for (uint32_t i = symbols - 1; i > symbol; i--) {
        carry += number->digits[i] * slots.count;
        number->digits[i] = (uint16_t)(carry & DIGIT_MASK);
        carry >>= DIGIT_BITS;
    }
    number->digits[symbol] = (uint16_t)(slots.first + carry);
}

static uint8_t byte_of(const ec_number *number, uint32_t i) {
    const uint32_t digit = 8 * i / DIGIT_BITS;
    const uint32_t pair = (uint32_t)number->digits[digit] << DIGIT_BITS | number->digits[digit + 1];
    return (uint8_t)(pair >> (2 * DIGIT_BITS - 8 - 8 * i % DIGIT_BITS));
}

/* Bytes of the shortest beginning of `last` that is not below `first` once zeros stand behind it. */
static uint32_t shortest(const ec_number *first, const ec_number *last, uint32_t bytes) {
    while (bytes > 0 && byte_of(first, bytes - 1) == 0) {
        bytes--;
    }
    for (uint32_t i = 0; i < bytes; i++) {
        if (byte_of(first, i) != byte_of(last, i)) {
            return i + 1;
        }
    }
    return bytes;
}

ec_status ec_entropy_encode(const ec_entropy *entropy, const uint8_t *codebooks, uint32_t regime,
                            const uint16_t *indices, uint32_t stages, uint8_t *payload, size_t capacity,
                            size_t *bytes) {
    if (entropy == NULL || codebooks == NULL || indices == NULL || payload == NULL || bytes == NULL) {
        return EC_ERROR_NULL;
    }
    *bytes = 0;
    if (stages > entropy->stages || stages >= EC_SYMBOLS_MAX) {
        return EC_ERROR_RATE;
    }
    const ec_status status = check_symbols(entropy, regime, indices, stages);
    if (status != EC_OK) {
        return status;
    }
    const uint32_t symbols = stages + 1;
    ec_number first;
    ec_number last;
    first.digits[symbols] = 0;
    last.digits[symbols] = 0;
    for (uint32_t symbol = symbols; symbol-- > 0;) {
        const uint32_t word = symbol == 0 ? regime : indices[symbol - 1];
        const ec_slots slots = slots_of(codebooks, frequencies_of(entropy, regime, symbol), word);
        put_before(&first, symbol, symbols, slots, 0);
        put_before(&last, symbol, symbols, slots, slots.count - 1);
    }
    const uint32_t size = shortest(&first, &last, (uint32_t)ec_entropy_size(stages));
    if (size > capacity) {
        return EC_ERROR_CAPACITY;
    }
    for (uint32_t i = 0; i < size; i++) {
        payload[i] = byte_of(&last, i);
    }
    *bytes = size;
    return EC_OK;
}
