/* The payload of a coded packet is the leading bytes of a number with one digit of base 4096 per symbol; see entropy.h.
 * A symbol is the word whose slots the leading digit is one of. What is left, divided by the word's slots, is the number
 * of the symbols behind it.
 */
#include "entropy.h"
#include "model.h"

#define SLOTS 4096u
#define PAYLOAD_BYTES_MAX (EC_SYMBOLS_MAX * 12u / 8u)

/* Digit `i` of the payload with zeros behind it. */
static uint32_t digit_of(const uint8_t *payload, size_t bytes, uint32_t i) {
    uint32_t digit = 0;
    for (uint32_t nibble = 3 * i; nibble < 3 * i + 3; nibble++) {
        const uint32_t byte = nibble / 2 < bytes ? payload[nibble / 2] : 0u;
        digit = digit << 4 | (nibble % 2 == 0 ? byte >> 4 : byte & 15u);
    }
    return digit;
}

static uint16_t word_with_slot(const uint16_t *cumulative, uint32_t words, uint32_t slot) {
    uint32_t word = 0;
    uint32_t end = words;
    while (end - word > 1) {
        const uint32_t middle = (word + end) / 2;
        if (cumulative[middle] <= slot) {
            word = middle;
        } else {
            end = middle;
        }
    }
    return (uint16_t)word;
}

static uint16_t take_symbol(uint32_t *digits, uint32_t count, const uint16_t *cumulative, uint32_t words) {
    const uint16_t word = word_with_slot(cumulative, words, digits[0]);
    const uint32_t slots = (uint32_t)cumulative[word + 1] - cumulative[word];
    uint32_t remainder = digits[0] - cumulative[word];
    for (uint32_t i = 1; i < count; i++) {
        remainder = remainder * SLOTS + digits[i];
        digits[i] = remainder / slots;
        remainder %= slots;
    }
    return word;
}

bool ec_read_coded(const ec_decoder *decoder, uint32_t stages, const uint8_t *payload, size_t bytes, uint16_t *regime,
                   uint16_t *words) {
    const ec_kind *kind = &ec_header(decoder)->coded;
    const ec_frequencies *regimes = ec_at(decoder, kind->regimes_at);
    const ec_entropy entropy = {kind->stages, *regimes, ec_at(decoder, kind->frequencies_at)};
    uint32_t digits[EC_SYMBOLS_MAX];
    for (uint32_t i = 0; i <= stages; i++) {
        digits[i] = digit_of(payload, bytes, i);
    }
    *regime = take_symbol(digits, stages + 1, ec_at(decoder, regimes->cumulative / 4u), regimes->words);
    for (uint32_t stage = 0; stage < stages; stage++) {
        const ec_frequencies *of_stage = &entropy.words[*regime * entropy.stages + stage];
        words[stage] = take_symbol(digits + 1 + stage, stages - stage, ec_at(decoder, of_stage->cumulative / 4u),
                                   of_stage->words);
    }
    uint8_t written[PAYLOAD_BYTES_MAX]; /* the one way to write this window */
    size_t size = 0;
    if (ec_entropy_encode(&entropy, decoder->model, *regime, words, stages, written, sizeof written, &size) != EC_OK
        || size != bytes) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (written[i] != payload[i]) {
            return false;
        }
    }
    return true;
}
