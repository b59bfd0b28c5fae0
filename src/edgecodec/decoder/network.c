/* The receiver's network: steps of plain loops over strided views, which the model file lists. */
#include <math.h>

#include "model.h"

#define AXES 5

typedef enum ec_operation {
    COPY = 0,
    ADD = 1,
    MULTIPLY = 2,
    DIVIDE = 3,
    SIGMOID = 4,
    ELU = 5,
    PRELU = 6,
    PRODUCTS = 7,
} ec_operation;

typedef enum ec_place {
    IN_FILE = 0,
    IN_MEMORY = 1,
} ec_place;

typedef struct ec_view {
    uint32_t place;
    uint32_t start;         /* in floats */
    uint32_t regime_stride; /* how far the next regime's values are */
    uint32_t strides[AXES];
} ec_view;

typedef struct ec_step {
    uint32_t operation;
    uint32_t extents[AXES]; /* of the output's three axes, and of two that are summed over */
    ec_view out;
    ec_view left;
    ec_view right;
    ec_view addend;
} ec_step;

typedef struct ec_run {
    const ec_decoder *decoder;
    float *memory;
    uint32_t regime;
} ec_run;

static const float *values_of(const ec_run *run, const ec_view *view) {
    const float *base = view->place == IN_FILE ? ec_at(run->decoder, 0) : run->memory;
    return base + view->start + (size_t)run->regime * view->regime_stride;
}

/* From the first value of the view to that at row (a, b). */
static size_t row_of(const ec_view *view, uint32_t a, uint32_t b) {
    return (size_t)a * view->strides[0] + (size_t)b * view->strides[1];
}

static float value_of(ec_operation operation, float left, float right) {
    switch (operation) {
    case ADD:
        return left + right;
    case MULTIPLY:
        return left * right;
    case DIVIDE:
        return left / right;
    case SIGMOID:
        return 1.0f / (1.0f + expf(-left));
    case ELU:
        return left < 0.0f ? expm1f(left) : left;
    case PRELU:
        return left < 0.0f ? left * right : left;
    default:
        return left;
    }
}

static void one_by_one(const ec_step *step, uint32_t a, uint32_t b, float *out, const float *left,
                       const float *right) {
    out += row_of(&step->out, a, b);
    left += row_of(&step->left, a, b);
    right += row_of(&step->right, a, b);
    for (size_t c = 0; c < step->extents[2]; c++) {
        out[c * step->out.strides[2]] = value_of((ec_operation)step->operation, left[c * step->left.strides[2]],
                                                 right[c * step->right.strides[2]]);
    }
}

/* out[c] += factor * values[c * stride], where a stride of 1 is what compilers make fast. */
static void add_multiple(float *restrict out, float factor, const float *restrict values, size_t stride,
                         size_t count) {
    if (stride == 1) {
        for (size_t c = 0; c < count; c++) {
            out[c] += factor * values[c];
        }
        return;
    }
    for (size_t c = 0; c < count; c++) {
        out[c] += factor * values[c * stride];
    }
}

/* Outputs of products lie without gaps along c, and `left` is the same all along it. */
static void products(const ec_step *step, uint32_t a, uint32_t b, float *out, const float *left, const float *right,
                     const float *addend) {
    out += row_of(&step->out, a, b);
    left += row_of(&step->left, a, b);
    right += row_of(&step->right, a, b);
    addend += row_of(&step->addend, a, b);
    for (size_t c = 0; c < step->extents[2]; c++) {
        out[c] = addend[c * step->addend.strides[2]];
    }
    for (size_t d = 0; d < step->extents[3]; d++) {
        for (size_t e = 0; e < step->extents[4]; e++) {
            add_multiple(out, left[d * step->left.strides[3] + e * step->left.strides[4]],
                         right + d * step->right.strides[3] + e * step->right.strides[4], step->right.strides[2],
                         step->extents[2]);
        }
    }
}

static void run_step(const ec_run *run, const ec_step *step) {
    float *out = run->memory + step->out.start;
    const float *left = values_of(run, &step->left);
    const float *right = values_of(run, &step->right);
    const float *addend = values_of(run, &step->addend);
    for (uint32_t a = 0; a < step->extents[0]; a++) {
        for (uint32_t b = 0; b < step->extents[1]; b++) {
            if (step->operation == PRODUCTS) {
                products(step, a, b, out, left, right, addend);
            } else {
                one_by_one(step, a, b, out, left, right);
            }
        }
    }
}

void ec_run_network(const ec_decoder *decoder, uint32_t regime, float *memory) {
    const ec_run run = {decoder, memory, regime};
    const ec_step *steps = ec_at(decoder, ec_header(decoder)->steps_at);
    for (uint32_t number = 0; number < ec_header(decoder)->steps; number++) {
        run_step(&run, &steps[number]);
    }
}
