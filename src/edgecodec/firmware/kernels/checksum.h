/* CRC-32 (IEEE 802.3), four bits at a time, of blobs and packets; a CRC-16 of frames, bit by bit. */
#ifndef EC_CHECKSUM_H
#define EC_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint32_t ec_checksum(const uint8_t *data, size_t bytes);

/* The same for `words` words, aligned to 4, that may lie in slow memory: each is read once, and
 * counts from its lowest byte on, as little-endian machines hold it. */
uint32_t ec_checksum_of_words(const uint8_t *data, size_t words);

/* The CRC-16 of ITU-T X.25, but it starts from the first bytes of the hash of the model that a frame is of. */
uint32_t ec_frame_checksum(const uint8_t *model_hash, const uint8_t *data, size_t bytes);

#endif
