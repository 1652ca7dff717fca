#ifndef SEALPOST_H
#define SEALPOST_H

#include <stddef.h>
#include <stdint.h>

// Sealpost for C: sign, verify and serialise Mailgun-compatible webhooks.
//
// Generated from core/capi/src by cbindgen; a test compares the two.
//
// The caller owns all memory. Every pointer that is passed in must be valid for the size that stands beside
// it or that its type has, from the call to its return; output must not overlap input. A null pointer is
// answered with SEALPOST_STATUS_ARGUMENT, unless it stands for no bytes. Nothing is allocated or kept, and no
// call waits, so calls from several threads are safe as long as they do not share output or a replay guard.


// The number of random bytes that every signature takes.
#define SEALPOST_ENTROPY 25

// The room for any signed prefix, in bytes; a payload is at most this, its event-data and one byte more.
#define SEALPOST_MAX_PREFIX 289

// The most chunks that a body may consist of.
#define SEALPOST_MAX_CHUNKS 8

// The size of a `webhook-signature` with the NUL at its end.
#define SEALPOST_STANDARD_SIGNATURE 48

// What a call came to. Anything but `OK` is an error, and then nothing but lengths and offsets was written.
typedef enum {
  // Done.
  SEALPOST_STATUS_OK = 0,
  // The output does not fit into the buffer; its `len` says how many bytes are needed.
  SEALPOST_STATUS_BUFFER_TOO_SMALL = 1,
  // A pointer is null that must not be, a text is not UTF-8, or there are too many chunks: to be
  // corrected in the calling program.
  SEALPOST_STATUS_ARGUMENT = 2,
  // The signing key is empty, or the endpoint secret is not `whsec_` and the base64 of 24 to 64 bytes: to
  // be corrected by whoever configures the program.
  SEALPOST_STATUS_KEY = 3,
  // The text is not JSON: to be corrected by whoever sent it.
  SEALPOST_STATUS_NOT_JSON = 4,
  // It does not have the parts of a signed message: to be corrected by whoever sent it.
  SEALPOST_STATUS_MALFORMED = 5,
  // Another key made the signature, or someone altered what it covers.
  SEALPOST_STATUS_WRONG_SIGNATURE = 6,
  // It was signed too long ago, or too far in the future.
  SEALPOST_STATUS_STALE = 7,
  // It has been received before.
  SEALPOST_STATUS_REPLAYED = 8,
} sealpost_status;

// Bytes of the caller, only read. A null `data` stands for no bytes and goes with `len` 0 alone.
typedef struct {
  // The first byte.
  const uint8_t *data;
  // Their number.
  size_t len;
} sealpost_bytes;

// A signature and what it covers, each text with a NUL at its end.
typedef struct {
  // When it was signed, in seconds since 1970. In JSON this is a string of digits.
  uint64_t timestamp;
  // The random part: 50 lowercase hexadecimal digits.
  char token[51];
  // The signature: 64 lowercase hexadecimal digits.
  char signature[65];
} sealpost_signature_block;

// Room of the caller for output. It need not be initialised, and must not overlap the input.
typedef struct {
  // The first byte of the room.
  uint8_t *data;
  // The size of the room in bytes.
  size_t capacity;
  // Set by the call: the length of the output, also when the room is too small for it; 0 after every
  // other error.
  size_t len;
} sealpost_buffer;

// Where a receiver remembers what it has verified, so that a message counts once: an array of the caller's,
// zero at first. When it is full the oldest leaves: it needs as many places as messages arrive within the
// window, and at least one. Two threads must not use one array at the same time.
typedef struct {
  // The places, the newest first.
  uint8_t (*seen)[32];
  // Their number.
  size_t places;
} sealpost_replay_guard;

// What a verified payload says. The bytes are those of the body that was verified.
typedef struct {
  // When it was signed, in seconds since 1970.
  uint64_t timestamp;
  // The random part of the signature.
  sealpost_bytes token;
  // The event, JSON: by its `id` a receiver tells a repetition from something new.
  sealpost_bytes event_data;
} sealpost_verified;

// The three headers of a received message.
typedef struct {
  // `webhook-id`.
  sealpost_bytes id;
  // `webhook-timestamp`.
  sealpost_bytes timestamp;
  // `webhook-signature`.
  sealpost_bytes signatures;
} sealpost_standard_headers;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// What a status means, for a log: a text that stays valid and ends with a NUL. Takes any number.
const char *sealpost_status_text(int status);

// Signs: fills `block` from the signing key, the time in seconds since 1970, and 25 bytes from a
// cryptographic random source, which must never be used twice.
sealpost_status sealpost_sign(sealpost_bytes key,
                              uint64_t now,
                              const uint8_t (*entropy)[SEALPOST_ENTROPY],
                              sealpost_signature_block *block);

// Writes the payload, the body of one POST: `{"signature":{...},"event-data":...}`. Sign every attempt anew,
// with fresh entropy; `event_data`, which must be JSON, stays the same.
//
// The payload takes at most `SEALPOST_MAX_PREFIX + event_data.len + 1` bytes.
sealpost_status sealpost_payload(sealpost_bytes key,
                                 uint64_t now,
                                 const uint8_t (*entropy)[SEALPOST_ENTROPY],
                                 sealpost_bytes event_data,
                                 sealpost_buffer *payload);

// Writes what stands before the event-data in a payload, for programs that send the event-data from where
// it lies: the body is this prefix, the event-data (which must be JSON, see `sealpost_json_check`), and `}`.
sealpost_status sealpost_payload_prefix(sealpost_bytes key,
                                        uint64_t now,
                                        const uint8_t (*entropy)[SEALPOST_ENTROPY],
                                        sealpost_buffer *prefix);

// Verifies a payload, the body of a POST as it came in: its signature, then that it was signed within
// `window` seconds of `now`, then that `guard` has not seen it. The guard remembers nothing else.
//
// This signature does not cover the event-data: verify the Standard Webhooks headers too, or instead.
sealpost_status sealpost_verify(sealpost_bytes body,
                                sealpost_bytes key,
                                uint64_t now,
                                uint32_t window,
                                sealpost_replay_guard guard,
                                sealpost_verified *verified);

// Writes the value of `webhook-signature` and a NUL, for a message with that `id` (the event's, without
// dots), sent at `now` seconds since 1970 with a body of `count` chunks. `secret` is `whsec_` and base64.
sealpost_status sealpost_standard_sign(sealpost_bytes secret,
                                       sealpost_bytes id,
                                       uint64_t now,
                                       const sealpost_bytes *chunks,
                                       size_t count,
                                       char (*signature)[SEALPOST_STANDARD_SIGNATURE]);

// Verifies a message by its three headers and its body, which may come in up to 8 chunks cut anywhere: one of
// the signatures, then that it was signed within `window` seconds of `now`, then that `guard` has not seen
// it. The guard remembers nothing else, and can be the one of `sealpost_verify`.
//
// A known `webhook-id` under a new signature is the sender's next attempt: acknowledge it, count it once.
sealpost_status sealpost_standard_verify(sealpost_bytes secret,
                                         sealpost_standard_headers headers,
                                         const sealpost_bytes *chunks,
                                         size_t count,
                                         uint64_t now,
                                         uint32_t window,
                                         sealpost_replay_guard guard);

// Checks that `text` is one JSON value, in UTF-8 and at most 32 arrays and objects deep. If it is not,
// `offset` says at which byte it stops to be; it may be null.
sealpost_status sealpost_json_check(sealpost_bytes text,
                                    size_t *offset);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SEALPOST_H */
