/* The window of a full intake takes the place of the first layer. */
#ifndef EC_INTAKE_H
#define EC_INTAKE_H

#include "worker.h"

/* Gives what the first layer, `layer`, would give for the window. Collective; ends with a barrier, and an empty intake. */
ec_status ec_take_intake(const ec_worker *worker, const ec_layer *layer, ec_intake *intake);

#endif
