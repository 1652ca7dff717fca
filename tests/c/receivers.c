// The four kinds of messages that a receiver meets, in both schemes: good, altered, stale and replayed.
#include "check.h"

static sealpost_status receive(sealpost_bytes body, uint64_t now, uint8_t (*seen)[32]) {
    sealpost_verified verified;
    return sealpost_verify(body, LITERAL(KEY), now, WINDOW, (sealpost_replay_guard){seen, PLACES}, &verified);
}

static void signing_key(void) {
    uint8_t seen[PLACES][32] = {{0}};
    sealpost_verified verified;
    EXPECT(sealpost_verify(LITERAL(PAYLOAD), LITERAL(KEY), NOW + WINDOW, WINDOW,
                           (sealpost_replay_guard){seen, PLACES}, &verified)
           == SEALPOST_STATUS_OK);
    EXPECT(verified.timestamp == NOW);
    EXPECT(equal(verified.token, LITERAL(TOKEN)));
    EXPECT(equal(verified.event_data, LITERAL(EVENT_DATA)));

    EXPECT(receive(LITERAL(ALTERED_PAYLOAD), NOW, seen) == SEALPOST_STATUS_WRONG_SIGNATURE);
    EXPECT(receive(LITERAL(PAYLOAD), NOW + WINDOW + 1, seen) == SEALPOST_STATUS_STALE);
    EXPECT(receive(LITERAL(PAYLOAD), NOW - WINDOW - 1, seen) == SEALPOST_STATUS_STALE);
    EXPECT(receive(LITERAL(PAYLOAD), NOW, seen) == SEALPOST_STATUS_REPLAYED);
    EXPECT(receive(LITERAL("{\"event-data\":{}}"), NOW, seen) == SEALPOST_STATUS_MALFORMED);
}

// What may be sent can be received: event-data as deep as it may be stands one deeper in its payload.
static void deepest(void) {
    enum { DEPTH = 32 };
    char event_data[2 * DEPTH];
    memset(event_data, '[', DEPTH);
    memset(event_data + DEPTH, ']', DEPTH);
    uint8_t room[SEALPOST_MAX_PREFIX + sizeof event_data + 1], seen[PLACES][32] = {{0}};
    sealpost_buffer payload = {room, sizeof room, 0};
    sealpost_bytes deep = {(const uint8_t *)event_data, sizeof event_data};
    EXPECT(sealpost_payload(LITERAL(KEY), NOW, &ENTROPY, deep, &payload) == SEALPOST_STATUS_OK);
    EXPECT(receive((sealpost_bytes){room, payload.len}, NOW, seen) == SEALPOST_STATUS_OK);
}

static sealpost_status receive_standard(sealpost_bytes body, uint64_t now, uint8_t (*seen)[32]) {
    sealpost_standard_headers headers = {LITERAL(ID), LITERAL(TIMESTAMP), LITERAL("v1,AAAA " STANDARD_SIGNATURE)};
    return sealpost_standard_verify(LITERAL(SECRET), headers, &body, 1, now, WINDOW,
                                    (sealpost_replay_guard){seen, PLACES});
}

static void endpoint_secret(void) {
    uint8_t seen[PLACES][32] = {{0}};
    EXPECT(receive_standard(LITERAL(PAYLOAD), NOW + WINDOW, seen) == SEALPOST_STATUS_OK);
    EXPECT(receive_standard(LITERAL(ALTERED_PAYLOAD), NOW, seen) == SEALPOST_STATUS_WRONG_SIGNATURE);
    EXPECT(receive_standard(LITERAL(PAYLOAD), NOW + WINDOW + 1, seen) == SEALPOST_STATUS_STALE);
    EXPECT(receive_standard(LITERAL(PAYLOAD), NOW - WINDOW - 1, seen) == SEALPOST_STATUS_STALE);
    EXPECT(receive_standard(LITERAL(PAYLOAD), NOW, seen) == SEALPOST_STATUS_REPLAYED);
}

void receivers(void) {
    signing_key();
    deepest();
    endpoint_secret();
}
