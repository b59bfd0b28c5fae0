#include "model_slots.h"

static uint32_t number_of(const ec_model_slot *slot) {
    const uint32_t *number = slot->number;
    const bool written = number[0] == number[1] && number[0] == number[2] && number[0] == number[3];
    return written && number[0] != UINT32_MAX ? number[0] : 0;
}

/* Of whose model `received` bytes are there. */
static ec_status init(ec_context *context, const ec_model_slot *slot, size_t received, void *arena, size_t arena_bytes) {
    const size_t of_weights = received < sizeof slot->weights ? received : sizeof slot->weights;
    return ec_init(context, arena, arena_bytes, &slot->weights, of_weights, &slot->codebooks, received - of_weights);
}

ec_status ec_open_slots(ec_model_slots *slots, const ec_slot_memory *memory, ec_context *context, void *arena,
                        size_t arena_bytes) {
    if (slots == NULL || memory == NULL) {
        return EC_ERROR_NULL;
    }
    const ec_model_slot *models = memory->slots;
    const uint32_t newer = number_of(&models[1]) > number_of(&models[0]) ? 1 : 0;
    const ec_model_slots opened = {memory, EC_SLOTS, 0};
    *slots = opened;
    for (uint32_t i = 0; i < EC_SLOTS; i++) {
        const uint32_t slot = i == 0 ? newer : 1 - newer;
        if (number_of(&models[slot]) > 0 &&
            init(context, &models[slot], EC_MODEL_BYTES, arena, arena_bytes) == EC_OK) {
            slots->running = slot;
            return EC_OK;
        }
    }
    return ec_init(context, arena, arena_bytes, &codec_weights, sizeof codec_weights, &codec_codebooks,
                   sizeof codec_codebooks);
}

uint32_t ec_incoming_slot(const ec_model_slots *slots) {
    return slots->running == 0 ? 1 : 0;
}

ec_status ec_receive_piece(ec_model_slots *slots, size_t at, const void *piece, size_t bytes) {
    const ec_slot_memory *memory = slots->memory;
    const uint32_t slot = ec_incoming_slot(slots);
    if (at == 0) {
        slots->received = 0;
        if (!memory->erase(memory->user, slot)) {
            return EC_ERROR_CAPACITY;
        }
    }
    if (at != slots->received || bytes > EC_MODEL_BYTES - at) {
        return EC_ERROR_SIZE;
    }
    if (!memory->write(memory->user, slot, offsetof(ec_model_slot, weights) + at, piece, bytes)) {
        return EC_ERROR_CAPACITY;
    }
    slots->received += bytes;
    return EC_OK;
}

ec_status ec_finish_model(const ec_model_slots *slots, ec_context *context, void *arena, size_t arena_bytes) {
    const ec_slot_memory *memory = slots->memory;
    const uint32_t slot = ec_incoming_slot(slots);
    const ec_status status = init(context, &memory->slots[slot], slots->received, arena, arena_bytes);
    if (status != EC_OK) {
        return status;
    }
    const uint32_t next = 1 + (slots->running < EC_SLOTS ? number_of(&memory->slots[slots->running]) : 0);
    const uint32_t number[4] = {next, next, next, next};
    return memory->write(memory->user, slot, offsetof(ec_model_slot, number), number, sizeof number)
               ? EC_OK
               : EC_ERROR_CAPACITY;
}
