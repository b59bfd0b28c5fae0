/* What a program needs of a machine of QEMU, whichever core it has. No cluster and no clock: it counts instructions. */
#ifndef QEMU_H
#define QEMU_H

#define QEMU_STACK_PAINT 0x57ac57ac

#ifndef __ASSEMBLER__

#include <stdint.h>

_Noreturn void program(void); /* entry of the application */

uint32_t qemu_instructions(void); /* retired since boot */

void qemu_put(const char *text); /* to the standard output of QEMU */
uint32_t qemu_deepest_stack(void);
_Noreturn void qemu_exit(uint32_t status); /* ends the simulation */
_Noreturn void qemu_trap(uint32_t cause, uint32_t address); /* called by start.S */

#endif
#endif
