/* QEMU's board `virt` with one 32-bit RISC-V core, floating-point values in the integer registers (Zfinx, Zhinx).
 * No cluster and no clock: it counts instructions. */
#ifndef QEMU_RISCV_H
#define QEMU_RISCV_H

#define QEMU_STACK_PAINT 0x57ac57ac

#ifndef __ASSEMBLER__

#include <stdint.h>

_Noreturn void program(void); /* entry of the application */

uint32_t qemu_instructions(void); /* retired since boot */

void qemu_put(const char *text); /* to the serial port */
uint32_t qemu_deepest_stack(void);
_Noreturn void qemu_exit(uint32_t status); /* ends the simulation */

#endif
#endif
