/* How likely the numbers of a series are, for node and receiver alike. packets/series.py of the generator defines it.
 *
 * Each number of a window has a place, which learns from window to window: a table and two guesses, near and very near
 * the mean of those before, share its chance by their weights. */
#ifndef EC_SERIES_NUMBERS_H
#define EC_SERIES_NUMBERS_H

#include <stdint.h>

#define EC_SERIES_FIRST_BYTE 0xc2u /* a frame of an exact packet that is unlike the training, which there is not, */
#define EC_SERIES_COUNT_SHIFT 2u   /* and in its rate the windows less one */
#define EC_WHOLE 65536u
#define EC_WHOLE_BITS 16u
#define EC_GUESSES 2u

/* What the table of a place says. */
typedef struct ec_alphabet {
    const uint16_t *cumulative; /* of 4096 */
    uint32_t numbers;
    uint32_t fine_bits; /* of a number, that the table does not tell */
} ec_alphabet;

typedef struct ec_place {
    uint32_t sum; /* of the numbers so far */
    uint8_t seen; /* how many they are */
    uint8_t weights[EC_GUESSES];
} ec_place;

/* Which channels are faulty. */
enum { EC_FAULTY_NONE, EC_FAULTY_AS_TOLD, EC_FAULTY_OTHERS };

/* What is sent beside regime and words, whose tables are the model's. */
extern const ec_alphabet ec_series_rates;
extern const ec_alphabet ec_series_errors;
extern const ec_alphabet ec_series_bits;
extern const ec_alphabet ec_series_unlike;
extern const ec_alphabet ec_series_faulty;
extern const ec_place ec_series_nothing; /* a place before the first window */

/* How many 65536ths belong to numbers below `number`, which is at most the alphabet's numbers. */
uint32_t ec_below(const ec_alphabet *of, const ec_place *at, uint32_t number);

void ec_learn(const ec_alphabet *of, ec_place *at, uint32_t number);

#endif
