/* What the workers of a team do together. */
#include "worker.h"

ec_status ec_agree(const ec_worker *worker, ec_status own) {
    ec_control *control = (ec_control *)(void *)worker->arena;
    control->verdict[worker->team->worker] = own;
    ec_wait_for_all(worker);
    ec_status common = EC_OK;
    for (uint32_t other = 0; other < worker->team->workers && common == EC_OK; other++) {
        common = (ec_status)control->verdict[other];
    }
    ec_wait_for_all(worker);
    return common;
}

void ec_report(const ec_worker *worker, uint32_t step, const void *data, size_t bytes) {
    if (worker->observer != NULL) {
        ec_wait_for_all(worker);
        if (worker->team->worker == 0) {
            worker->observer->step_done(worker->observer->user, step, data, bytes);
        }
        ec_wait_for_all(worker);
    }
}
