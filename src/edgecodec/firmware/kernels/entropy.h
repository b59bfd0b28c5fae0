/* Entropy coding of a window's indices with static tables: exact arithmetic coding.
 *
 * A window's symbols are its regime, then one index per stage. The words of a table share 4096 slots; with every symbol
 * the window's share of all numbers shrinks to that of the symbol's slots. The payload is the shortest string of bytes
 * that, as leading bytes with zeros behind them, names a number of that interval; the greatest of equal length.
 */
#ifndef EC_ENTROPY_H
#define EC_ENTROPY_H

#include "edgecodec.h"

#define EC_SYMBOLS_MAX 128u /* the regime and the stages */

typedef struct ec_frequencies {
    uint32_t cumulative; /* uint16_t [words + 1], rising from 0 to 4096: byte offset into the codebooks */
    uint32_t words;
} ec_frequencies;

typedef struct ec_entropy {
    uint32_t stages;             /* less than EC_SYMBOLS_MAX */
    ec_frequencies regimes;      /* a word is a regime */
    const ec_frequencies *words; /* [regimes][stages] */
} ec_entropy;

/* Bytes that are enough for every payload of `stages` stages, 0 if there are too many. */
size_t ec_entropy_size(uint32_t stages);

/* Writes the payload of `regime` and the first `stages` indices, and its length. Less than (stages + 1)^2 steps, each
 * of a multiplication, an addition and a shift, and less than 600 bytes of stack. */
ec_status ec_entropy_encode(const ec_entropy *entropy, const uint8_t *codebooks, uint32_t regime,
                            const uint16_t *indices, uint32_t stages, uint8_t *payload, size_t capacity,
                            size_t *bytes);

#endif
