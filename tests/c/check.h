// What the checks share: expectations that count, and bytes of their exact length.
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sealpost.h"
#include "vectors.h"

#define WINDOW 300
#define PLACES 4

extern int failures;

// Tells where an expectation failed, and goes on.
#define EXPECT(condition)                                                      \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
            failures++;                                                        \
        }                                                                      \
    } while (0)

// A literal without its NUL.
#define LITERAL(text) ((sealpost_bytes){(const uint8_t *)(text), sizeof(text) - 1})

static inline int equal(sealpost_bytes bytes, sealpost_bytes expected) {
    return bytes.len == expected.len && memcmp(bytes.data, expected.data, expected.len) == 0;
}

// Memory of exactly that size, so that a step beyond its end is seen by whatever watches the program.
static inline uint8_t *exactly(size_t size) {
    uint8_t *memory = malloc(size);
    if (memory == NULL && size > 0) abort();
    return memory;
}

void lengths(void);
void receivers(void);
void faults(void);
void threads(void);

#endif
