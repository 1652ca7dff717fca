// Signs, verifies and serialises through sealpost.h; fails with the number of unmet expectations.
#include "check.h"

int failures = 0;

static void signs_as_the_native_build_does(void) {
    sealpost_signature_block block;
    EXPECT(sealpost_sign(LITERAL(KEY), NOW, &ENTROPY, &block) == SEALPOST_STATUS_OK);
    EXPECT(block.timestamp == NOW);
    EXPECT(strcmp(block.token, TOKEN) == 0);
    EXPECT(strcmp(block.signature, SIGNATURE) == 0);

    char standard[SEALPOST_STANDARD_SIGNATURE];
    sealpost_bytes body[] = {LITERAL(PREFIX), LITERAL(EVENT_DATA), LITERAL("}")};
    EXPECT(sealpost_standard_sign(LITERAL(SECRET), LITERAL(ID), NOW, body, 3, &standard) == SEALPOST_STATUS_OK);
    EXPECT(strcmp(standard, STANDARD_SIGNATURE) == 0);
}

int main(void) {
    signs_as_the_native_build_does();
    lengths();
    receivers();
    faults();
    threads();
    printf("%d expectations failed\n", failures);
    return failures != 0;
}
