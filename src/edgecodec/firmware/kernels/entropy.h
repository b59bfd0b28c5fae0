/* Entropy coding of a window's words with static tables: packets/entropy.py defines it.
 *
 * A window's symbols are its regime, then a word per coordinate, with the table of the coordinate's class. The words of a
 * table share 4096 slots; with every symbol the window's interval shrinks to the share of the symbol's slots. The only
 * word of a table is no symbol.
 */
#ifndef EC_ENTROPY_H
#define EC_ENTROPY_H

#include "network.h"

/* Writes the payload at `rate` of the regime and words that ec_run_scalars gave, and its length. Of a payload that does
 * not fit, the beginning is written. */
ec_status ec_entropy_encode(const ec_scalars *scalars, const uint8_t *codebooks, uint32_t rate, const uint16_t *indices,
                            uint8_t *payload, size_t capacity, size_t *bytes);

#endif
