// Every length of a buffer, from nothing to one byte more than is needed: an error, or the exact bytes.
#include "check.h"

#define UNTOUCHED 0xA5

typedef sealpost_status (*writes)(sealpost_buffer *buffer);

static sealpost_status write_payload(sealpost_buffer *buffer) {
    return sealpost_payload(LITERAL(KEY), NOW, &ENTROPY, LITERAL(EVENT_DATA), buffer);
}

static sealpost_status write_prefix(sealpost_buffer *buffer) {
    return sealpost_payload_prefix(LITERAL(KEY), NOW, &ENTROPY, buffer);
}

static void expect_output(writes write, sealpost_bytes expected) {
    for (size_t capacity = 0; capacity <= expected.len + 1; capacity++) {
        uint8_t *room = exactly(capacity);
        if (capacity > 0) memset(room, UNTOUCHED, capacity);
        sealpost_buffer buffer = {room, capacity, 0};
        sealpost_status status = write(&buffer);

        EXPECT(buffer.len == expected.len);
        if (capacity < expected.len) {
            EXPECT(status == SEALPOST_STATUS_BUFFER_TOO_SMALL);
            for (size_t i = 0; i < capacity; i++) EXPECT(room[i] == UNTOUCHED);
        } else {
            EXPECT(status == SEALPOST_STATUS_OK);
            EXPECT(memcmp(room, expected.data, expected.len) == 0);
            for (size_t i = expected.len; i < capacity; i++) EXPECT(room[i] == UNTOUCHED);
        }
        free(room);
    }
}

// The first bytes of a message, with nothing readable behind them.
static uint8_t *cut(sealpost_bytes message, size_t len) {
    uint8_t *copy = exactly(len);
    if (len > 0) memcpy(copy, message.data, len);
    return copy;
}

static void expect_cut_input_to_be_refused(void) {
    sealpost_bytes whole = LITERAL(PAYLOAD);
    for (size_t len = 0; len < whole.len; len++) {
        uint8_t *copy = cut(whole, len);
        sealpost_bytes body = {copy, len};
        uint8_t seen[PLACES][32] = {{0}};
        sealpost_verified verified;
        size_t offset = 0;
        EXPECT(sealpost_json_check(body, &offset) == SEALPOST_STATUS_NOT_JSON && offset <= len);
        EXPECT(sealpost_verify(body, LITERAL(KEY), NOW, WINDOW, (sealpost_replay_guard){seen, PLACES}, &verified)
               == SEALPOST_STATUS_NOT_JSON);
        sealpost_standard_headers headers = {LITERAL(ID), LITERAL(TIMESTAMP), LITERAL(STANDARD_SIGNATURE)};
        EXPECT(sealpost_standard_verify(LITERAL(SECRET), headers, &body, 1, NOW, WINDOW,
                                        (sealpost_replay_guard){seen, PLACES})
               == SEALPOST_STATUS_WRONG_SIGNATURE);
        free(copy);
    }
}

void lengths(void) {
    expect_output(write_payload, LITERAL(PAYLOAD));
    expect_output(write_prefix, LITERAL(PREFIX));
    EXPECT(sizeof(PAYLOAD) - 1 <= SEALPOST_MAX_PREFIX + sizeof(EVENT_DATA) - 1 + 1);
    expect_cut_input_to_be_refused();
}
