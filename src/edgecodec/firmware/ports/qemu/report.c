/* What a program reports of itself, whichever core it runs on. */
#include "qemu.h"

#include "hexadecimal.h"

extern const uint32_t stack_bottom[];
extern const uint32_t stack_top[];

uint32_t qemu_deepest_stack(void) {
    const uint32_t *word = stack_bottom;
    while (word < stack_top && *word == QEMU_STACK_PAINT) {
        word++;
    }
    return 4 * (uint32_t)(stack_top - word);
}

_Noreturn void qemu_trap(uint32_t cause, uint32_t address) {
    qemu_put("trap, cause ");
    put_hexadecimal(qemu_put, cause);
    qemu_put(", at ");
    put_hexadecimal(qemu_put, address);
    qemu_put("\n");
    qemu_exit(1);
}
