/* The kernels of layers. Each is called by all workers and ends with a barrier. */
#ifndef EC_LAYERS_H
#define EC_LAYERS_H

#include "worker.h"

ec_status ec_run_normalize(const ec_worker *worker, const ec_normalize *layer, const float *window);
ec_status ec_run_filter(const ec_worker *worker, const ec_filter *layer, const float *window);
void ec_run_convolution(const ec_worker *worker, const ec_convolution *layer);
void ec_run_transpose(const ec_worker *worker, const ec_transpose *layer);

#endif
