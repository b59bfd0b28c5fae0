/* What compilers call for assignments of structs and arrays, also without libc. By words where both ends are aligned. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

typedef uint32_t __attribute__((may_alias)) word;

static bool is_aligned(const void *pointer) {
    return (uintptr_t)pointer % sizeof(word) == 0;
}

/* A loop that copies must not be compiled into a call of the function it is in. */
#ifdef __clang__
#define NO_CALL_OF(function) __attribute__((no_builtin(function)))
#else
#define NO_CALL_OF(function) __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

NO_CALL_OF("memcpy") void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    unsigned char *target = to;
    const unsigned char *source = from;
    if (is_aligned(to) && is_aligned(from)) {
        for (; bytes >= sizeof(word); bytes -= sizeof(word)) {
            *(word *)(void *)target = *(const word *)(const void *)source;
            target += sizeof(word);
            source += sizeof(word);
        }
    }
    for (; bytes > 0; bytes--) {
        *target++ = *source++;
    }
    return to;
}

NO_CALL_OF("memset") void *memset(void *to, int value, size_t bytes) {
    unsigned char *target = to;
    if (is_aligned(to)) {
        const word four = (unsigned char)value * UINT32_C(0x01010101);
        for (; bytes >= sizeof(word); bytes -= sizeof(word)) {
            *(word *)(void *)target = four;
            target += sizeof(word);
        }
    }
    for (; bytes > 0; bytes--) {
        *target++ = (unsigned char)value;
    }
    return to;
}
