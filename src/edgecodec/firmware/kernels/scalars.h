/* The quantizer of coded packets: every coordinate of a latent to an integer by itself. packets/scalar.py defines it. */
#ifndef EC_SCALARS_H
#define EC_SCALARS_H

#include "worker.h"

/* The step of a regime's coordinates at a rate. */
typedef struct ec_step {
    float size;
    float inverse;
} ec_step;

/* What coordinates that are about equally wide in steps have in common. */
typedef struct ec_class {
    float zero;      /* below it, a magnitude has index 0 */
    float rounding;  /* of the other magnitudes */
    float shifts[3]; /* from an index of 1, 2, 3 or more to the point that it stands for */
    uint16_t reach;     /* the largest index */
    uint16_t fine_bits; /* of a word, that its table does not tell */
    uint16_t first;     /* entry where the table of the class begins among those of all classes */
    uint16_t entries;   /* of the table: of the words without their fine bits */
} ec_class;

/* Checks that no class reads beyond the tables. */
bool ec_scalars_are_inside(const uint8_t *codebooks, const ec_scalars *scalars);

/* The kernel, like those of layers: chooses the regime, indices[0], and writes words [rate][coordinates] behind it. */
void ec_run_scalars(const ec_worker *worker, const ec_scalars *scalars, uint32_t rate, uint16_t *indices);

#endif
