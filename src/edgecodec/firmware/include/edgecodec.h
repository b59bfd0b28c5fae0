/* EdgeCodec: compresses one window of a sensor array into a packet of a few dozen bytes.
 *
 *     static _Alignas(EC_ARENA_ALIGNMENT) uint8_t arena[EC_ARENA_BYTES];   // sizes: codec_model.h
 *     static uint16_t indices[EC_INDICES];
 *     static uint8_t packet[EC_PACKET_BYTES];
 *
 *     ec_context context;
 *     ec_team team = ec_serial_team();
 *     size_t bytes;
 *     ec_init(&context, arena, sizeof arena, &codec_weights, sizeof codec_weights, &codec_codebooks,
 *             sizeof codec_codebooks);
 *     ec_remarks remarks;
 *     ec_encode(&context, &team, window, rate, indices, &remarks);
 *     ec_pack(&context, rate, sequence, indices, &remarks, packet, sizeof packet, &bytes);
 *
 * Or, for a coded packet, which is shorter where the window is likely: ec_encode_coded and ec_pack_coded. Or sample by
 * sample, for a node with little memory: ec_push, then ec_encode_intake.
 *
 * The remarks tell the error that the receiver will see, at every rate, which channels are faulty, and whether the
 * window is unlike those that the codec was trained on. ec_rate_within chooses the lowest rate that keeps a bound. Where
 * none does, ec_pack_escape writes a packet that keeps it whatever the window; noise takes many bytes. ec_pack_exact
 * writes one without any loss.
 *
 * No function allocates, keeps state outside the caller's objects, or traps on bad input: each returns a status.
 * Several contexts may be at work at once, each with its own arena.
 */
#ifndef EDGECODEC_H
#define EDGECODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EC_VERSION_MAJOR 0
#define EC_VERSION_MINOR 1
#define EC_VERSION ((uint32_t)EC_VERSION_MAJOR << 16 | EC_VERSION_MINOR)
#define EC_ABI_VERSION 2 /* another one: an object that was compiled with this header does not go with that library */

#define EC_ARENA_ALIGNMENT 16
#define EC_HASH_BYTES 32
#ifndef EC_WORKERS_MAX
#define EC_WORKERS_MAX 16 /* 1, for all sources: the codec takes a fifth of the memory, and serves a single worker */
#endif
#define EC_REGIMES_MAX 16
#define EC_RATES_MAX 16
#define EC_CHANNELS_MAX 1024 /* of models that make remarks */

typedef enum ec_status {
    EC_OK = 0,
    EC_ERROR_NULL = 1,       /* a pointer is NULL */
    EC_ERROR_ALIGNMENT = 2,  /* the arena is not aligned to EC_ARENA_ALIGNMENT, or other data not to their type */
    EC_ERROR_ARENA = 3,      /* the arena is smaller than ec_arena_size() */
    EC_ERROR_MODEL = 4,      /* weights or codebooks are damaged, or not of one model */
    EC_ERROR_CONTEXT = 5,    /* the context has not been through ec_init */
    EC_ERROR_TEAM = 6,       /* no workers, more than EC_WORKERS_MAX, or a worker's number out of range */
    EC_ERROR_RATE = 7,       /* rate 0, or above the model's rates */
    EC_ERROR_WINDOW = 8,     /* the window holds NaN or Inf, or a value that float16 cannot hold once normalized */
    EC_ERROR_OVERFLOW = 9,   /* the encoder left float16's range: the window is unlike anything it was trained on */
    EC_ERROR_INDEX = 10,     /* there is no such regime, or no such word in its codebook */
    EC_ERROR_CAPACITY = 11,  /* the packet does not fit the caller's buffer */
    EC_ERROR_CODED = 12,     /* the model has no coded packets */
    EC_ERROR_REMARKS = 13,   /* the model makes no remarks */
    EC_ERROR_BOUND = 14,     /* no rate keeps the bound */
    EC_ERROR_INTAKE = 15,    /* a sample more than a window has, or an intake that is to be encoded has fewer */
    EC_ERROR_PACKET = 16,    /* no packet of this model, or without the remarks that its frames have */
    EC_ERROR_SHAPE = 17,     /* weights or codebooks are of another shape than the code */
    EC_ERROR_SIZE = 18,      /* weights or codebooks are cut off */
} ec_status;

/* One worker's view of the team that computes together. Every worker calls ec_encode with the same arguments and its
 * own ec_team. The result does not depend on the number of workers. */
typedef struct ec_team {
    uint32_t worker;  /* 0 .. workers - 1 */
    uint32_t workers;
    /* Returns once all workers have called it, and all that was fetched before is there. */
    void (*barrier)(struct ec_team *team);
    /* All workers call it together, with equal arguments. After the next barrier, `bytes` bytes (a multiple of 4) of
     * `source` are readable at the address it returns to all: `scratch`, filled by DMA while the workers go on, or
     * `source` itself where it is near enough. */
    const void *(*fetch)(struct ec_team *team, void *scratch, const void *source, size_t bytes);
    void *port;  /* the port's own data */
} ec_team;

/* Windows fall into regimes, each with codebooks of its own. All regimes run the stages of the lowest rate, then the
 * one that leaves the least energy goes on alone. A quantizer of one regime makes no choice. */
typedef struct ec_choice {
    uint32_t regime;                 /* the chosen one */
    float energies[EC_REGIMES_MAX]; /* that the regimes leave; of coded packets their prices */
} ec_choice;

/* What a node can say of a window. Errors are estimates, of the window's central part, over the channels that are not
 * faulty; docs and registered metrics tell how near they are to the truth. */
typedef struct ec_remarks {
    float error_percent[EC_RATES_MAX]; /* by rate - 1, of the channels' mean magnitude; up to the rate that was encoded */
    float nmse_percent[EC_RATES_MAX];  /* the squared error, of the squared values */
    float margin;                      /* by which a bound must exceed an estimate, to be kept in 99 of 100 windows */
    float unlike;                      /* more than 1: the window is unlike those of the training */
    uint32_t faulty_channels;          /* their number. They were replaced by what the others tell */
    uint8_t faulty[EC_CHANNELS_MAX / 8]; /* channel c: bit c % 8 of byte c / 8 */
} ec_remarks;

/* Called by worker 0 after every step, while the other workers wait. The number of a step says what `data` is:
 *     0 .. layers - 1    a layer's output, float16 [rows][channels]
 *     layers + stage     a stage's words, uint16_t [tokens]; while regimes compete, [regimes][tokens]
 *     layers + stages    an ec_choice, after the stages of the lowest rate
 * and of coded packets, after layers + stages + 1 steps:
 *     .. rates - 1       a rate's words, uint16_t [coded_words]
 *     rates              an ec_choice, before all words */
typedef struct ec_observer {
    void (*step_done)(void *user, uint32_t step, const void *data, size_t bytes);
    void *user;
} ec_observer;

/* First bytes of weights and codebooks, so that they can be told apart wherever they are stored. */
typedef struct ec_blob {
    uint32_t kind;   /* EC_WEIGHTS or EC_CODEBOOKS */
    uint32_t bytes;  /* of the whole, this header included */
    uint32_t checksum; /* CRC-32 (IEEE 802.3) of the 32-bit words that follow, each from its lowest byte on */
    uint8_t shape_hash[EC_HASH_BYTES]; /* of the code that it is for */
    uint8_t model_hash[EC_HASH_BYTES];
} ec_blob;

#define EC_WEIGHTS 0x54574345u   /* "ECWT" in memory, little-endian */
#define EC_CODEBOOKS 0x42434345u /* "ECCB" */

/* Filled by ec_init; the caller may set `observer` afterwards. */
typedef struct ec_context {
    uint8_t *arena;
    const uint8_t *weights;
    const uint8_t *codebooks;
    const ec_observer *observer; /* NULL: none */
} ec_context;

typedef struct ec_model {
    const char *codec;      /* "edge", "paper" */
    const char *shape_hash; /* 64 hex digits: the code runs all models that carry it */
    uint32_t samples;       /* of a window */
    uint32_t channels;
    uint32_t tokens; /* words per stage */
    uint32_t regimes;
    uint32_t stages;
    uint32_t rates;
    const uint16_t *stages_of_rate; /* [rates] */
    uint32_t layers;
    uint32_t coded_words; /* at a rate, of coded packets; 0: the model has none */
    bool makes_remarks;
} ec_model;

/* EC_VERSION of the library that is linked. */
uint32_t ec_version(void);

const ec_model *ec_model_info(void);

/* Name of a layer, NULL for a step that is none. */
const char *ec_layer_name(uint32_t step);

size_t ec_arena_size(void);

/* Bytes of a fixed-length packet at `rate` without remarks, 0 if there is no such rate. */
size_t ec_packet_size(uint32_t rate);

/* Bytes that are enough for any coded packet at `rate` without remarks, 0 if there is no such rate, or if the model, or
 * the context, has none. */
size_t ec_coded_packet_size(const ec_context *context, uint32_t rate);

/* Bytes that are enough for the escape of any window, 0 if the model makes no remarks. */
size_t ec_escape_packet_size(void);

/* Bytes that are enough for the exact packet of any window. */
size_t ec_exact_packet_size(void);

/* Bytes that remarks add to a packet. */
size_t ec_remarks_size(const ec_remarks *remarks);

/* Takes weights and codebooks of any one model of this code's shape, as compiled in or as received, and reads them
 * through: EC_ERROR_SHAPE, EC_ERROR_SIZE, or EC_ERROR_MODEL where a bit has changed. They stay where they are and must
 * outlive the context. Contexts may run different models. */
ec_status ec_init(ec_context *context, void *arena, size_t arena_bytes, const void *weights, size_t weights_bytes,
                  const void *codebooks, size_t codebooks_bytes);

/* The same without the checksums, for those who check the memory by other means; a model that is damaged all the same
 * gives wrong packets. */
ec_status ec_init_unchecked(ec_context *context, void *arena, size_t arena_bytes, const void *weights,
                            size_t weights_bytes, const void *codebooks, size_t codebooks_bytes);

/* [EC_HASH_BYTES], of weights or codebooks: which model they are of. */
static inline const uint8_t *ec_model_hash(const void *blob) {
    return ((const ec_blob *)blob)->model_hash;
}

/* Encodes `window`, float [samples][channels], into indices: its regime, then [stages of the rate][tokens] words of the
 * regime's codebooks. Fills `remarks`, unless it is NULL: EC_ERROR_REMARKS if the model makes none. Collective: see
 * ec_team. */
ec_status ec_encode(const ec_context *context, ec_team *team, const float *window, uint32_t rate, uint16_t *indices,
                    ec_remarks *remarks);

/* The same for coded packets: the regime, then words [rate][coded_words], those of every rate from 1 on. EC_ERROR_CODED if
 * the model has none. */
ec_status ec_encode_coded(const ec_context *context, ec_team *team, const float *window, uint32_t rate,
                          uint16_t *indices, ec_remarks *remarks);

/* Takes a window sample by sample, filtered as they come: a tenth of the memory that the window itself would need. Encoded
 * from here it gives the same packet. One window fills up while the one before is encoded.
 *
 * One thread or interrupt pushes, another may encode. The caller has to encode a full intake before the next sample. */
typedef struct ec_intake {
    const uint8_t *weights;
    uint8_t *memory;
    volatile uint32_t samples; /* of the window, so far */
    uint32_t held;             /* of these, in the block that the filters take next */
    uint32_t blocks;           /* that they took; zeros before the window included */
    bool finite;
} ec_intake;

/* Bytes of an intake's memory: EC_INTAKE_BYTES. */
size_t ec_intake_size(void);

/* Lends an empty intake its memory, aligned to 4 bytes. It reads the weights of `context`, which has been through ec_init. */
ec_status ec_begin_intake(ec_intake *intake, const ec_context *context, void *memory, size_t memory_bytes);

/* Takes one sample of every channel, float [channels]: EC_ERROR_INTAKE, and the sample is lost, if the window is full. */
ec_status ec_push(ec_intake *intake, const float *sample);

/* The same for a converter's counts, up to 24 bits in magnitude; one count is `unit` of what windows are in. */
ec_status ec_push_counts(ec_intake *intake, const int32_t *counts, float unit);

bool ec_intake_is_full(const ec_intake *intake);

/* ec_encode and ec_encode_coded for the window of a full intake, which is empty again as soon as the first layer is done:
 * EC_ERROR_INTAKE if it is not full. */
ec_status ec_encode_intake(const ec_context *context, ec_team *team, ec_intake *intake, uint32_t rate, uint16_t *indices,
                           ec_remarks *remarks);
ec_status ec_encode_intake_coded(const ec_context *context, ec_team *team, ec_intake *intake, uint32_t rate,
                                 uint16_t *indices, ec_remarks *remarks);

/* The lowest of the rates 1 .. `rate` whose estimated error is at most `bound_percent`, with the model's margin for what
 * the estimate may err by. EC_ERROR_BOUND if there is none; `remarks` are of ec_encode or ec_encode_coded at `rate`. */
ec_status ec_rate_within(const ec_remarks *remarks, float bound_percent, uint32_t rate, uint32_t *within);

/* Writes the fixed-length packet of `indices`, from ec_encode, and its length. Indices of a higher rate may be packed at
 * a lower one. `remarks` go into the packet unless they are NULL. */
ec_status ec_pack(const ec_context *context, uint32_t rate, uint16_t sequence, const uint16_t *indices,
                  const ec_remarks *remarks, uint8_t *packet, size_t capacity, size_t *bytes);

/* The same for a coded packet and indices from ec_encode_coded. Its length depends on the indices. The tables are in
 * the context's codebooks. Of a packet that does not fit, a part is written. */
ec_status ec_pack_coded(const ec_context *context, uint32_t rate, uint16_t sequence, const uint16_t *indices,
                        const ec_remarks *remarks, uint8_t *packet, size_t capacity, size_t *bytes);

/* Writes an escape, and its length: all cosine bins of the window, as coarse as an error of `bound_percent` allows. The
 * bound is kept by construction, on the mean error of the channels that are not faulty, of what the model's filter lets
 * through of the window. To be called right after ec_encode or ec_encode_coded of this window, whose `remarks` these are:
 * the bins lie in the arena. EC_ERROR_REMARKS if the model makes none. */
ec_status ec_pack_escape(const ec_context *context, float bound_percent, uint16_t sequence, const ec_remarks *remarks,
                         uint8_t *packet, size_t capacity, size_t *bytes);

/* Writes a packet without any loss, and its length: the converter's `counts`, int32_t [samples][channels], up to 24 bits
 * in magnitude; one count is `unit` of what windows are in. For windows that are wanted as they are, as for a training.
 * Needs no encoder; `scratch` is for as many values as there are channels.
 * EC_ERROR_WINDOW: a count has more bits, or `unit` is no positive number. */
ec_status ec_pack_exact(const ec_context *context, const int32_t *counts, float unit, uint16_t sequence,
                        uint16_t *scratch, uint8_t *packet, size_t capacity, size_t *bytes);

/* What brings frames. */
typedef enum ec_link {
    EC_LINK_RADIO = 0,  /* bytes, maybe damaged: frames have a number and a checksum of their own */
    EC_LINK_CHECKED = 1 /* sound frames, whose numbers it knows: LoRaWAN, BLE with a MIC, IEEE 802.15.4 */
} ec_link;

#define EC_FRAME_CHECKSUM_BYTES 2

/* Bytes of the frame of a fixed-length packet at `rate`, without faulty channels; 0 if there is no such rate. */
size_t ec_frame_size(ec_link link, uint32_t rate);

/* Writes the frame of a packet, and its length: the same window in 7 to 11 bytes less, for a receiver that knows the node's
 * model. `frame` may be where the packet is. The packet is any that was made with remarks, if the model makes them, or an
 * exact one. */
ec_status ec_frame(const ec_context *context, ec_link link, const uint8_t *packet, size_t packet_bytes, uint8_t *frame,
                   size_t capacity, size_t *bytes);

#define EC_SERIES_WINDOWS_MAX 16
#define EC_SERIES_SIZE(words) (224u + 8u * (words)) /* bytes; codec_model.h has EC_SERIES_BYTES */

/* A frame that fills up with coded windows in a row, at one rate: what stays from window to window costs little. The
 * receiver gets the packets that ec_pack_coded would make. The first window waits for the last one: **latency is as many
 * windows as the frame has**. A frame that is lost takes its windows along, and nothing else. */
typedef struct ec_series {
    const uint8_t *weights;
    const uint8_t *codebooks;
    void *memory;
    uint8_t *frame;
    size_t capacity;
    ec_link link;
    uint32_t rate;
    uint16_t sequence; /* of the first window */
    uint32_t windows;  /* so far */
} ec_series;

/* Bytes of a series' memory: EC_SERIES_BYTES; 0 if the model has no coded packets. */
size_t ec_series_size(void);

/* Lends an empty series its memory, aligned to 8 bytes, and the frame. `sequence` is the number of its first window; each
 * further one has the next number. It reads the weights and codebooks of `context`, which has been through ec_init. */
ec_status ec_begin_series(ec_series *series, const ec_context *context, ec_link link, uint32_t rate, uint16_t sequence,
                          void *memory, size_t memory_bytes, uint8_t *frame, size_t capacity);

/* Adds a window's indices, of ec_encode_coded at the series' rate or a higher one, and its remarks, if the model makes them.
 * The frame is whole after every window, and `bytes` long: send it when you like. A window that is refused leaves frame and
 * `bytes` as they were. EC_ERROR_CAPACITY: it has no room, or would be the 17th. Send the frame, and begin another one. */
ec_status ec_add_to_series(ec_series *series, const uint16_t *indices, const ec_remarks *remarks, size_t *bytes);

#ifdef __cplusplus
}
#endif

#endif
