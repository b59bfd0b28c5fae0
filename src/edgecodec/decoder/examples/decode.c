/* decode MODEL < PACKETS > WINDOWS
 *
 *     MODEL     receiver.ecd
 *     PACKETS   as `edgecodec encode` writes them to .ecp: "ECP1", then each packet behind its length in two bytes
 *     WINDOWS   float32 [n][channels][samples]. A packet that is refused is named, and its window is NaN
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edgecodec_decoder.h"

#define PACKET_BYTES_MAX 65535

/* The whole file, which the caller frees; NULL if it cannot be read. */
static void *read_file(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    void *content = NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        const long size = ftell(file);
        content = size > 0 ? malloc((size_t)size) : NULL;
        rewind(file);
        *bytes = content != NULL ? fread(content, 1, (size_t)size, file) : 0;
    }
    fclose(file);
    return content;
}

static int decode_all(const ec_decoder *decoder, void *workspace, float *window) {
    static uint8_t packet[PACKET_BYTES_MAX];
    const size_t values = (size_t)ec_decoder_channels(decoder) * ec_decoder_samples(decoder);
    uint8_t length[2];
    ec_decoded decoded;
    int result = EXIT_SUCCESS;
    for (unsigned number = 0; fread(length, sizeof length, 1, stdin) == 1; number++) {
        const size_t bytes = fread(packet, 1, (size_t)(length[0] | length[1] << 8), stdin);
        const ec_decode_status status =
            ec_decode(decoder, packet, bytes, workspace, ec_decoder_workspace(decoder), window, &decoded);
        if (status != EC_DECODED) {
            fprintf(stderr, "packet %u: refused with status %d\n", number, (int)status);
            result = EXIT_FAILURE;
            for (size_t i = 0; i < values; i++) {
                window[i] = NAN;
            }
        }
        fwrite(window, sizeof *window, values, stdout);
    }
    return fflush(stdout) == 0 ? result : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    char magic[4];
    size_t bytes = 0;
    void *model = argc == 2 ? read_file(argv[1], &bytes) : NULL;
    ec_decoder decoder;
    int result = EXIT_FAILURE;
    if (model == NULL || ec_decoder_open(&decoder, model, bytes) != EC_DECODED) {
        fputs("decode MODEL < PACKETS > WINDOWS: no sound receiver.ecd there\n", stderr);
    } else if (fread(magic, sizeof magic, 1, stdin) != 1 || memcmp(magic, "ECP1", sizeof magic) != 0) {
        fputs("decode: standard input is no packet file (.ecp)\n", stderr);
    } else {
        void *workspace = malloc(ec_decoder_workspace(&decoder));
        float *window = malloc(sizeof *window * ec_decoder_channels(&decoder) * ec_decoder_samples(&decoder));
        if (workspace != NULL && window != NULL) {
            result = decode_all(&decoder, workspace, window);
        }
        free(window);
        free(workspace);
    }
    free(model);
    return result;
}
