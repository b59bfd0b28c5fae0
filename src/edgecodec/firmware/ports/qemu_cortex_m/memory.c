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

/* Clang must not compile the calls into calls of the functions they are in. GCC knows nothing of these functions. */
#ifdef __clang__
#define NO_BUILTIN __attribute__((no_builtin))
#else
#define NO_BUILTIN
#endif

NO_BUILTIN void __aeabi_memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    memcpy(to, from, bytes);
}

NO_BUILTIN void __aeabi_memcpy4(void *restrict to, const void *restrict from, size_t bytes) {
    memcpy(to, from, bytes);
}

NO_BUILTIN void __aeabi_memcpy8(void *restrict to, const void *restrict from, size_t bytes) {
    memcpy(to, from, bytes);
}

NO_BUILTIN void __aeabi_memset(void *to, size_t bytes, int value) {
    memset(to, value, bytes);
}

NO_BUILTIN void __aeabi_memclr(void *to, size_t bytes) {
    memset(to, 0, bytes);
}

NO_BUILTIN void __aeabi_memclr4(void *to, size_t bytes) {
    memset(to, 0, bytes);
}

NO_BUILTIN void __aeabi_memclr8(void *to, size_t bytes) {
    memset(to, 0, bytes);
}
