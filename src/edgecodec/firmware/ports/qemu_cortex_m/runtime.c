/* Boards of Arm with one Cortex-M, as QEMU has them. Output and exit go through semihosting.
 *
 * With -icount shift=0 an instruction takes a nanosecond, so that the core's timer, of TIMER_MHZ, counts instructions:
 * to within 1000 / TIMER_MHZ of them.
 */
#include "qemu.h"

typedef struct system_timer {
    uint32_t control;
    uint32_t reload;
    uint32_t left; /* counts down; 24 bits */
} system_timer;

enum {
    TIMER = 0xe000e010u,
    TIMER_BITS = 24,
    TIMER_LAST = 0xffffff,
    TIMER_ON = 7, /* of the core's clock, with an interrupt at every end */

    SEMIHOSTING_PUT = 0x04,
    SEMIHOSTING_EXIT = 0x20,
    STOPPED_BY_APPLICATION = 0x20026,
};

static volatile uint32_t wraps; /* of the timer */

void qemu_start_timer(void); /* both are called by start.S */
void qemu_timer_wrapped(void);

static volatile system_timer *timer(void) {
    return (volatile system_timer *)(uintptr_t)TIMER;
}

void qemu_start_timer(void) {
    timer()->reload = TIMER_LAST;
    timer()->left = 0; /* any value: it reloads */
    timer()->control = TIMER_ON;
}

void qemu_timer_wrapped(void) {
    wraps++;
}

uint32_t qemu_instructions(void) {
    uint32_t before, left;
    do { /* again, if the timer has wrapped in between */
        before = wraps;
        left = timer()->left;
    } while (wraps != before);
    const uint32_t ticks = before << TIMER_BITS | (TIMER_LAST - left);
    return ticks / TIMER_MHZ * 1000 + ticks % TIMER_MHZ * 1000 / TIMER_MHZ;
}

static void ask_debugger(uint32_t operation, const void *argument) {
    register uint32_t number __asm__("r0") = operation;
    register const void *pointer __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(number) : "r"(pointer) : "memory");
}

void qemu_put(const char *text) {
    ask_debugger(SEMIHOSTING_PUT, text);
}

_Noreturn void qemu_exit(uint32_t status) {
    const uint32_t reason[2] = {STOPPED_BY_APPLICATION, status};
    for (;;) {
        ask_debugger(SEMIHOSTING_EXIT, reason);
    }
}
