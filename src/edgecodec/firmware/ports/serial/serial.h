/* A team of one: for single-core targets. Weights and codebooks are read where they lie. */
#ifndef EC_SERIAL_H
#define EC_SERIAL_H

#include "edgecodec.h"

#ifdef __cplusplus
extern "C" {
#endif

ec_team ec_serial_team(void);

#ifdef __cplusplus
}
#endif

#endif
