/* The Arm ABI's own names of memcpy and memset, for aligned data too. */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

void __aeabi_memcpy(void *restrict to, const void *restrict from, size_t bytes);
void __aeabi_memcpy4(void *restrict to, const void *restrict from, size_t bytes);
void __aeabi_memcpy8(void *restrict to, const void *restrict from, size_t bytes);
void __aeabi_memset(void *to, size_t bytes, int value);
void __aeabi_memclr(void *to, size_t bytes);
void __aeabi_memclr4(void *to, size_t bytes);
void __aeabi_memclr8(void *to, size_t bytes);

/* no_builtin, here and below: the calls must not be compiled into calls of the functions they are in. */
__attribute__((no_builtin)) void __aeabi_memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    memcpy(to, from, bytes);
}

__attribute__((no_builtin)) void __aeabi_memcpy4(void *restrict to, const void *restrict from, size_t bytes) {
    memcpy(to, from, bytes);
}

__attribute__((no_builtin)) void __aeabi_memcpy8(void *restrict to, const void *restrict from, size_t bytes) {
    memcpy(to, from, bytes);
}

__attribute__((no_builtin)) void __aeabi_memset(void *to, size_t bytes, int value) {
    memset(to, value, bytes);
}

__attribute__((no_builtin)) void __aeabi_memclr(void *to, size_t bytes) {
    memset(to, 0, bytes);
}

__attribute__((no_builtin)) void __aeabi_memclr4(void *to, size_t bytes) {
    memset(to, 0, bytes);
}

__attribute__((no_builtin)) void __aeabi_memclr8(void *to, size_t bytes) {
    memset(to, 0, bytes);
}
