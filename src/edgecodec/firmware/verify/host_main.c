/* The verification program on the host: host_verify WINDOWS [WORKERS]
 *
 * WINDOWS holds float32 [n][samples][channels], little-endian. Without WORKERS the serial port runs, else that many threads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec_model.h"
#include "serial.h"
#include "threads.h"
#include "verify.h"

static void put(const char *text) {
    fputs(text, stdout);
}

static void work(void *argument, ec_team *team) {
    (void)ec_verify(argument, team);
}

/* They are little-endian in the file, whatever the machine. */
static void to_native(float *windows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[sizeof windows[i]];
        memcpy(bytes, &windows[i], sizeof bytes);
        const uint32_t bits = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
        memcpy(&windows[i], &bits, sizeof bits);
    }
}

static float *read_windows(const char *path, uint32_t *count) {
    const size_t window_bytes = sizeof(float) * EC_SAMPLES * EC_CHANNELS;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        return NULL;
    }
    *count = (uint32_t)((size_t)ftell(file) / window_bytes);
    rewind(file);
    float *windows = calloc(*count, window_bytes);
    if (windows != NULL && fread(windows, window_bytes, *count, file) != *count) {
        free(windows);
        windows = NULL;
    }
    fclose(file);
    if (windows != NULL) {
        to_native(windows, *count * (window_bytes / sizeof *windows));
    }
    return windows;
}

int main(int argc, char **argv) {
    static _Alignas(EC_ARENA_ALIGNMENT) uint8_t arena[EC_ARENA_BYTES];
    static uint16_t indices[EC_INDICES];
    static uint8_t packet[EC_LONGEST_PACKET_BYTES];
    static _Alignas(uint32_t) uint8_t intake[EC_INTAKE_BYTES];
    static const ec_platform platform = {put, NULL, NULL};
    ec_verification verification = {
        .platform = &platform,
        .arena = arena,
        .arena_bytes = sizeof arena,
        .weights = &codec_weights,
        .weights_bytes = sizeof codec_weights,
        .codebooks = &codec_codebooks,
        .codebooks_bytes = sizeof codec_codebooks,
        .indices = indices,
        .packet = packet,
        .packet_bytes = sizeof packet,
        .intake_memory = intake,
        .intake_bytes = sizeof intake,
    };
    float *windows = argc > 1 ? read_windows(argv[1], &verification.count) : NULL;
    if (windows == NULL) {
        puts("error cannot read the windows");
        return EXIT_FAILURE;
    }
    verification.windows = windows;
    if (argc > 2) {
        if (ec_run_threads((uint32_t)strtoul(argv[2], NULL, 10), work, &verification) != 0) {
            puts("error cannot start the threads");
            verification.status = EC_ERROR_TEAM;
        }
    } else {
        ec_team team = ec_serial_team();
        work(&verification, &team);
    }
    free(windows);
    return verification.status == EC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
