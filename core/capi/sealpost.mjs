// The module for JavaScript: every function of sealpost.h, with bytes and strings for pointers and lengths.
//
// The module allocates nothing. All memory from `__heap_base` on is the caller's: this file's. What a replay
// guard remembers stays there; everything else is laid out anew for each call.

/** @enum {number} `sealpost_status` */
export const Status = {
    OK: 0, BUFFER_TOO_SMALL: 1, ARGUMENT: 2, KEY: 3, NOT_JSON: 4, MALFORMED: 5, WRONG_SIGNATURE: 6, STALE: 7, REPLAYED: 8,
};

const PAGE = 65536;
const MAX_PREFIX = 289;

export class Sealpost {
    #exports;
    #free;
    #next;

    /** Instantiates the bytes of the module, which imports nothing. */
    constructor(bytes) {
        this.#exports = new WebAssembly.Instance(new WebAssembly.Module(bytes), {}).exports;
        this.#free = this.#exports.__heap_base.value;
    }

    /** A guard that remembers the last `places` messages. */
    replayGuard(places) {
        this.#begin();
        const guard = { seen: this.#take(32 * places), places };
        new Uint8Array(this.#memory, guard.seen, 32 * places).fill(0);
        this.#free = this.#next;
        return guard;
    }

    sign(key, now, entropy) {
        this.#begin();
        const block = this.#take(128);
        const status = this.#exports.sealpost_sign(this.#bytes(key), BigInt(now), this.#copy(entropy), block);
        if (status !== Status.OK) return { status };
        return {
            status,
            timestamp: this.#view.getBigUint64(block, true),
            token: this.#text(block + 8, 50),
            signature: this.#text(block + 59, 64),
        };
    }

    payload(key, now, entropy, eventData, capacity = MAX_PREFIX + encoded(eventData).length + 1) {
        this.#begin();
        const [k, e, data] = [this.#bytes(key), this.#copy(entropy), this.#bytes(eventData)];
        return this.#output(capacity, (buffer) => this.#exports.sealpost_payload(k, BigInt(now), e, data, buffer));
    }

    payloadPrefix(key, now, entropy, capacity = MAX_PREFIX) {
        this.#begin();
        const [k, e] = [this.#bytes(key), this.#copy(entropy)];
        return this.#output(capacity, (buffer) => this.#exports.sealpost_payload_prefix(k, BigInt(now), e, buffer));
    }

    verify(body, key, now, window, guard) {
        this.#begin();
        const verified = this.#take(24);
        const [b, k, g] = [this.#bytes(body), this.#bytes(key), this.#words(guard.seen, guard.places)];
        const status = this.#exports.sealpost_verify(b, k, BigInt(now), window, g, verified);
        if (status !== Status.OK) return { status };
        const [token, tokenLength, eventData, eventDataLength] = new Uint32Array(this.#memory, verified + 8, 4);
        return {
            status,
            timestamp: this.#view.getBigUint64(verified, true),
            token: this.#text(token, tokenLength),
            eventData: this.#text(eventData, eventDataLength),
        };
    }

    standardSign(secret, id, now, chunks) {
        this.#begin();
        const signature = this.#take(48);
        const [s, i, c] = [this.#bytes(secret), this.#bytes(id), this.#chunks(chunks)];
        const status = this.#exports.sealpost_standard_sign(s, i, BigInt(now), c, chunks.length, signature);
        return status === Status.OK ? { status, signature: this.#text(signature, 47) } : { status };
    }

    standardVerify(secret, { id, timestamp, signatures }, chunks, now, window, guard) {
        this.#begin();
        const headers = this.#chunks([id, timestamp, signatures]);
        const [s, c, g] = [this.#bytes(secret), this.#chunks(chunks), this.#words(guard.seen, guard.places)];
        return this.#exports.sealpost_standard_verify(s, headers, c, chunks.length, BigInt(now), window, g);
    }

    jsonCheck(text) {
        this.#begin();
        const offset = this.#words(0);
        const status = this.#exports.sealpost_json_check(this.#bytes(text), offset);
        return status === Status.OK ? { status } : { status, offset: this.#view.getUint32(offset, true) };
    }

    statusText(status) {
        const start = this.#exports.sealpost_status_text(status);
        return this.#text(start, new Uint8Array(this.#memory, start).indexOf(0));
    }

    get #memory() {
        return this.#exports.memory.buffer;
    }

    get #view() {
        return new DataView(this.#memory);
    }

    #begin() {
        this.#next = this.#free;
    }

    /** Room for `size` bytes, aligned for any type. */
    #take(size) {
        const place = Math.ceil(this.#next / 8) * 8;
        this.#next = place + size;
        const missing = this.#next - this.#memory.byteLength;
        if (missing > 0) this.#exports.memory.grow(Math.ceil(missing / PAGE));
        return place;
    }

    #copy(data) {
        const place = this.#take(data.length);
        new Uint8Array(this.#memory, place, data.length).set(data);
        return place;
    }

    #words(...words) {
        const place = this.#take(4 * words.length);
        new Uint32Array(this.#memory, place, words.length).set(words);
        return place;
    }

    /** A `sealpost_bytes` with this data. */
    #bytes(data) {
        const bytes = encoded(data);
        return this.#words(this.#copy(bytes), bytes.length);
    }

    /** Several `sealpost_bytes`, one behind the other. */
    #chunks(chunks) {
        const all = chunks.map(encoded);
        return this.#words(...all.flatMap((bytes) => [this.#copy(bytes), bytes.length]));
    }

    #output(capacity, write) {
        const room = this.#take(capacity);
        const buffer = this.#words(room, capacity, 0);
        const status = write(buffer);
        const length = this.#view.getUint32(buffer + 8, true);
        return status === Status.OK ? { status, length, text: this.#text(room, length) } : { status, length };
    }

    #text(place, length) {
        return new TextDecoder().decode(new Uint8Array(this.#memory, place, length));
    }
}

function encoded(data) {
    return typeof data === "string" ? new TextEncoder().encode(data) : data;
}
