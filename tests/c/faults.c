// What a program can do wrong is answered with a status, and never with a crash.
#include "check.h"

static const sealpost_bytes NOTHING = {NULL, 0};
static const sealpost_bytes NOWHERE = {NULL, 1};

static void null_pointers(void) {
    sealpost_signature_block block;
    EXPECT(sealpost_sign(NOWHERE, NOW, &ENTROPY, &block) == SEALPOST_STATUS_ARGUMENT);
    EXPECT(sealpost_sign(LITERAL(KEY), NOW, NULL, &block) == SEALPOST_STATUS_ARGUMENT);
    EXPECT(sealpost_sign(LITERAL(KEY), NOW, &ENTROPY, NULL) == SEALPOST_STATUS_ARGUMENT);

    sealpost_buffer nowhere = {NULL, 1000, 7};
    EXPECT(sealpost_payload(LITERAL(KEY), NOW, &ENTROPY, LITERAL("{}"), &nowhere) == SEALPOST_STATUS_ARGUMENT);
    EXPECT(nowhere.len == 0);
    EXPECT(sealpost_payload(LITERAL(KEY), NOW, &ENTROPY, LITERAL("{}"), NULL) == SEALPOST_STATUS_ARGUMENT);

    sealpost_verified verified;
    uint8_t seen[1][32] = {{0}};
    sealpost_replay_guard guard = {seen, 1}, no_places = {seen, 0}, no_guard = {NULL, 1};
    sealpost_bytes body = LITERAL(PAYLOAD), key = LITERAL(KEY);
    EXPECT(sealpost_verify(body, key, NOW, WINDOW, no_places, &verified) == SEALPOST_STATUS_ARGUMENT);
    EXPECT(sealpost_verify(body, key, NOW, WINDOW, no_guard, &verified) == SEALPOST_STATUS_ARGUMENT);
    EXPECT(sealpost_verify(body, key, NOW, WINDOW, guard, NULL) == SEALPOST_STATUS_ARGUMENT);
    EXPECT(sealpost_verify(NOTHING, key, NOW, WINDOW, guard, &verified) == SEALPOST_STATUS_NOT_JSON);
    EXPECT(sealpost_json_check(LITERAL("{"), NULL) == SEALPOST_STATUS_NOT_JSON);
}

static void unusable_keys(void) {
    sealpost_signature_block block;
    EXPECT(sealpost_sign(NOTHING, NOW, &ENTROPY, &block) == SEALPOST_STATUS_KEY);

    char signature[SEALPOST_STANDARD_SIGNATURE];
    sealpost_bytes body = LITERAL("{}");
    EXPECT(sealpost_standard_sign(LITERAL("whsec_short"), LITERAL(ID), NOW, &body, 1, &signature)
           == SEALPOST_STATUS_KEY);
}

static void too_many_chunks(void) {
    char signature[SEALPOST_STANDARD_SIGNATURE];
    sealpost_bytes chunks[SEALPOST_MAX_CHUNKS + 1];
    for (size_t i = 0; i <= SEALPOST_MAX_CHUNKS; i++) chunks[i] = NOTHING;
    sealpost_bytes secret = LITERAL(SECRET), id = LITERAL(ID);
    EXPECT(sealpost_standard_sign(secret, id, NOW, chunks, SEALPOST_MAX_CHUNKS, &signature) == SEALPOST_STATUS_OK);
    EXPECT(sealpost_standard_sign(secret, id, NOW, chunks, SEALPOST_MAX_CHUNKS + 1, &signature)
           == SEALPOST_STATUS_ARGUMENT);
    EXPECT(sealpost_standard_sign(secret, id, NOW, NULL, 0, &signature) == SEALPOST_STATUS_OK);
    EXPECT(sealpost_standard_sign(secret, id, NOW, NULL, 1, &signature) == SEALPOST_STATUS_ARGUMENT);
}

static void text_that_is_not_json(void) {
    uint8_t room[SEALPOST_MAX_PREFIX + 16];
    sealpost_buffer buffer = {room, sizeof room, 7};
    EXPECT(sealpost_payload(LITERAL(KEY), NOW, &ENTROPY, LITERAL("{\"event\":}"), &buffer)
           == SEALPOST_STATUS_NOT_JSON);
    EXPECT(buffer.len == 0);

    size_t offset = 0;
    EXPECT(sealpost_json_check(LITERAL("{\"event\":}"), &offset) == SEALPOST_STATUS_NOT_JSON && offset == 9);
    EXPECT(sealpost_json_check(LITERAL(EVENT_DATA), NULL) == SEALPOST_STATUS_OK);
}

static void texts(void) {
    EXPECT(strcmp(sealpost_status_text(SEALPOST_STATUS_OK), "done") == 0);
    EXPECT(strlen(sealpost_status_text(SEALPOST_STATUS_REPLAYED)) > 0);
    EXPECT(strlen(sealpost_status_text(-1)) > 0);
}

void faults(void) {
    null_pointers();
    unusable_keys();
    too_many_chunks();
    text_that_is_not_json();
    texts();
}
