/* A request: the receiver wants the node's next windows whole, as for a training. Five bytes, whose layout is in request.c. */
#ifndef EC_REQUEST_H
#define EC_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EC_REQUEST_BYTES 5

typedef enum ec_wanted {
    EC_WANTED_ESCAPE = 3, /* the values are the kinds of packets */
    EC_WANTED_EXACT = 4
} ec_wanted;

typedef struct ec_request {
    ec_wanted kind;
    uint32_t windows;    /* that are still to be sent */
    float bound_percent; /* of escapes */
} ec_request;

/* False, and `request` is as before: the message is damaged, of another version, or asks for what there is not. */
bool ec_read_request(const uint8_t *message, size_t bytes, ec_request *request);

#ifdef __cplusplus
}
#endif

#endif
