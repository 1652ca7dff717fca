// Signs, verifies and serialises in WebAssembly: node check.mjs MODULE VECTORS [FEATURE...].
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { Sealpost, Status } from "../../core/capi/sealpost.mjs";

const [bytes, v] = [readFileSync(process.argv[2]), JSON.parse(readFileSync(process.argv[3], "utf8"))];
const NOW = Number(v.TIMESTAMP);
const WINDOW = 300;
const entropy = Uint8Array.from({ length: 25 }, (_, i) => i);
const sealpost = new Sealpost(bytes);

const checks = {
    imports_nothing() {
        assert.deepEqual(WebAssembly.Module.imports(new WebAssembly.Module(bytes)), []);
    },

    signs_as_the_native_build_does() {
        assert.deepEqual(sealpost.sign(v.KEY, NOW, entropy), {
            status: Status.OK, timestamp: BigInt(NOW), token: v.TOKEN, signature: v.SIGNATURE,
        });
    },

    serialises_into_every_length_of_buffer() {
        const outputs = [
            [v.PAYLOAD, (capacity) => sealpost.payload(v.KEY, NOW, entropy, v.EVENT_DATA, capacity)],
            [v.PREFIX, (capacity) => sealpost.payloadPrefix(v.KEY, NOW, entropy, capacity)],
        ];
        for (const [text, write] of outputs) {
            const length = text.length;
            for (let capacity = 0; capacity < length; capacity++) {
                assert.deepEqual(write(capacity), { status: Status.BUFFER_TOO_SMALL, length });
            }
            assert.deepEqual(write(length), { status: Status.OK, length, text });
            assert.deepEqual(write(length + 1), { status: Status.OK, length, text });
            assert.deepEqual(write(undefined), { status: Status.OK, length, text });
        }
    },

    tells_good_altered_stale_and_replayed_payloads_apart() {
        const guard = sealpost.replayGuard(4);
        const verify = (body, now) => sealpost.verify(body, v.KEY, now, WINDOW, guard);
        assert.deepEqual(verify(v.PAYLOAD, NOW + WINDOW), {
            status: Status.OK, timestamp: BigInt(NOW), token: v.TOKEN, eventData: v.EVENT_DATA,
        });
        assert.equal(verify(v.ALTERED_PAYLOAD, NOW).status, Status.WRONG_SIGNATURE);
        assert.equal(verify(v.PAYLOAD, NOW + WINDOW + 1).status, Status.STALE);
        assert.equal(verify(v.PAYLOAD, NOW).status, Status.REPLAYED);
        assert.equal(verify("{}", NOW).status, Status.MALFORMED);
        assert.equal(verify("", NOW).status, Status.NOT_JSON);
    },

    answers_faults_with_a_status() {
        assert.deepEqual(sealpost.jsonCheck(v.EVENT_DATA), { status: Status.OK });
        assert.deepEqual(sealpost.jsonCheck('{"event":}'), { status: Status.NOT_JSON, offset: 9 });
        assert.equal(sealpost.sign("", NOW, entropy).status, Status.KEY);
        assert.equal(sealpost.payload(v.KEY, NOW, entropy, "{").status, Status.NOT_JSON);
        assert.match(sealpost.statusText(Status.REPLAYED), /received before/);
    },

    takes_a_body_larger_than_its_memory() {
        const eventData = JSON.stringify({ event: "opened", padding: "x".repeat(300_000) });
        const { text } = sealpost.payload(v.KEY, NOW, entropy, eventData);
        assert.equal(sealpost.verify(text, v.KEY, NOW, WINDOW, sealpost.replayGuard(1)).eventData, eventData);
    },
};

const standardWebhooks = {
    signs_the_body_wherever_it_is_cut() {
        const signed = { status: Status.OK, signature: v.STANDARD_SIGNATURE };
        for (const body of [[v.PAYLOAD], [v.PREFIX, v.EVENT_DATA, "}"]]) {
            assert.deepEqual(sealpost.standardSign(v.SECRET, v.ID, NOW, body), signed);
        }
        assert.equal(sealpost.standardSign("whsec_short", v.ID, NOW, []).status, Status.KEY);
    },

    tells_good_altered_stale_and_replayed_messages_apart() {
        const guard = sealpost.replayGuard(4);
        const headers = { id: v.ID, timestamp: v.TIMESTAMP, signatures: `v1,AAAA ${v.STANDARD_SIGNATURE}` };
        const verify = (body, now) => sealpost.standardVerify(v.SECRET, headers, [body], now, WINDOW, guard);
        assert.equal(verify(v.PAYLOAD, NOW + WINDOW), Status.OK);
        assert.equal(verify(v.ALTERED_PAYLOAD, NOW), Status.WRONG_SIGNATURE);
        assert.equal(verify(v.PAYLOAD, NOW + WINDOW + 1), Status.STALE);
        assert.equal(verify(v.PAYLOAD, NOW), Status.REPLAYED);
    },
};

if (process.argv.includes("standard-webhooks")) Object.assign(checks, standardWebhooks);
for (const [name, check] of Object.entries(checks)) {
    check();
    console.log(`ok ${name}`);
}
