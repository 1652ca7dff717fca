// Several threads at once, each with a guard and buffers of its own.
#include <pthread.h>

#include "check.h"

#define THREADS 4
#define ROUNDS 200

// How many rounds of one thread failed.
static void *sign_and_verify(void *failed) {
    uint8_t room[sizeof(PAYLOAD)];
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t seen[PLACES][32] = {{0}};
        sealpost_buffer buffer = {room, sizeof room, 0};
        sealpost_verified verified;
        sealpost_status signing = sealpost_payload(LITERAL(KEY), NOW, &ENTROPY, LITERAL(EVENT_DATA), &buffer);
        sealpost_status verifying = sealpost_verify((sealpost_bytes){room, buffer.len}, LITERAL(KEY), NOW, WINDOW,
                                                    (sealpost_replay_guard){seen, PLACES}, &verified);
        *(int *)failed += signing != SEALPOST_STATUS_OK || verifying != SEALPOST_STATUS_OK
                          || memcmp(room, PAYLOAD, buffer.len) != 0;
    }
    return NULL;
}

void threads(void) {
    pthread_t running[THREADS];
    int failed[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&running[i], NULL, sign_and_verify, &failed[i]) != 0) abort();
    }
    for (int i = 0; i < THREADS; i++) {
        if (pthread_join(running[i], NULL) != 0) abort();
        EXPECT(failed[i] == 0);
    }
}
