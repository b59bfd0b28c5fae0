/* Two slots for models that come over the air, in memory that keeps them without power: one runs, the other takes the next.
 *
 * A model comes in pieces: ota/weights.bin, and ota/codebooks.bin right behind it. Once all is there and ec_init takes it, its
 * number is written, last of all. So whenever power fails, what starts is a whole model, the newest; while there is none,
 * it is the one that is linked with the code.
 */
#ifndef EC_MODEL_SLOTS_H
#define EC_MODEL_SLOTS_H

#include "codec_model.h"
#include "edgecodec.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EC_SLOTS 2u
#define EC_MODEL_BYTES (sizeof(ec_weights) + sizeof(ec_codebooks))

typedef struct ec_model_slot {
    uint32_t number[4]; /* of the model, four times: some flash is written 16 bytes at a time. All bits set: no model */
    ec_weights weights;
    ec_codebooks codebooks;
} ec_model_slot;

/* What the board lends. Functions return whether they could do it. */
typedef struct ec_slot_memory {
    const ec_model_slot *slots; /* [EC_SLOTS], where they are read */
    bool (*erase)(void *user, uint32_t slot); /* sets all bits */
    bool (*write)(void *user, uint32_t slot, size_t at, const void *data, size_t bytes); /* to where all bits are set */
    void *user;
} ec_slot_memory;

typedef struct ec_model_slots {
    const ec_slot_memory *memory; /* NULL: there are none */
    uint32_t running;             /* EC_SLOTS: the model that is linked with the code */
    size_t received;              /* bytes of the next model */
} ec_model_slots;

/* Initializes `context` with the newest whole model. */
ec_status ec_open_slots(ec_model_slots *slots, const ec_slot_memory *memory, ec_context *context, void *arena,
                        size_t arena_bytes);

/* The slot that takes the next model. */
uint32_t ec_incoming_slot(const ec_model_slots *slots);

/* Writes a piece, which follows the one before; a piece from 0 on begins anew. EC_ERROR_SIZE: it does not follow, or goes
 * beyond a model of this shape. EC_ERROR_CAPACITY: the memory failed. */
ec_status ec_receive_piece(ec_model_slots *slots, size_t at, const void *piece, size_t bytes);

/* Initializes `context` with the model that came in, and writes its number: EC_ERROR_SHAPE, EC_ERROR_SIZE or
 * EC_ERROR_MODEL as of ec_init, and it is no model; EC_ERROR_CAPACITY: the memory failed. */
ec_status ec_finish_model(const ec_model_slots *slots, ec_context *context, void *arena, size_t arena_bytes);

#ifdef __cplusplus
}
#endif

#endif
