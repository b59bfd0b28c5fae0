/* A team of all cluster cores. What it fetches comes from L2 to L1 by DMA. */
#ifndef EC_PULP_TEAM_H
#define EC_PULP_TEAM_H

#include "edgecodec.h"

#ifdef __cplusplus
extern "C" {
#endif

ec_team ec_pulp_team(uint32_t core);

#ifdef __cplusplus
}
#endif

#endif
