// Names as in the specification: P1…P5 the primes, four lanes over stripes of 32 bytes.

#include "include/semblance_xxh64.h"

#include <string.h>

static const uint64_t P1 = 0x9e3779b185ebca87, P2 = 0xc2b2ae3d27d4eb4f, P3 = 0x165667b19e3779f9,
                      P4 = 0x85ebca77c2b2ae63, P5 = 0x27d4eb2f165667c5;

static uint64_t rotated(uint64_t x, int by) { return x << by | x >> (64 - by); }

static uint64_t mixed(uint64_t lane, uint64_t input) { return rotated(lane + input * P2, 31) * P1; }

/// Little-endian on every machine.
static uint64_t word64(const uint8_t *p) {
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(w) : w;
}

static uint32_t word32(const uint8_t *p) {
    uint32_t w;
    memcpy(&w, p, sizeof w);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(w) : w;
}

static void take(uint64_t lanes[4], const uint8_t *p, size_t stripes) {
    uint64_t a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];
    for (; stripes > 0; stripes--, p += 32) {
        a = mixed(a, word64(p));
        b = mixed(b, word64(p + 8));
        c = mixed(c, word64(p + 16));
        d = mixed(d, word64(p + 24));
    }
    lanes[0] = a, lanes[1] = b, lanes[2] = c, lanes[3] = d;
}

void semblance_xxh64_begin(semblance_xxh64_state *state) {
    *state = (semblance_xxh64_state){.lanes = {P1 + P2, P2, 0, 0 - P1}};
}

void semblance_xxh64_add(semblance_xxh64_state *state, const void *bytes, size_t count) {
    if (count == 0) return;
    const uint8_t *next = bytes;
    size_t held = state->total % 32;
    state->total += count;
    if (held > 0) {
        size_t part = count < 32 - held ? count : 32 - held;
        memcpy(state->rest + held, next, part);
        next += part;
        count -= part;
        if (held + part < 32) return;
        take(state->lanes, state->rest, 1);
    }
    take(state->lanes, next, count / 32);
    memcpy(state->rest, next + count / 32 * 32, count % 32);
}

uint64_t semblance_xxh64_value(const semblance_xxh64_state *state) {
    const uint64_t *lanes = state->lanes;
    uint64_t h = P5;
    if (state->total >= 32) {
        h = rotated(lanes[0], 1) + rotated(lanes[1], 7) + rotated(lanes[2], 12) + rotated(lanes[3], 18);
        for (int i = 0; i < 4; i++) h = (h ^ mixed(0, lanes[i])) * P1 + P4;
    }
    h += state->total;
    size_t held = state->total % 32, i = 0;
    for (; i + 8 <= held; i += 8) h = rotated(h ^ mixed(0, word64(state->rest + i)), 27) * P1 + P4;
    for (; i + 4 <= held; i += 4) h = rotated(h ^ word32(state->rest + i) * P1, 23) * P2 + P3;
    for (; i < held; i++) h = rotated(h ^ state->rest[i] * P5, 11) * P1;
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}

uint64_t semblance_xxh64(const void *bytes, size_t count) {
    semblance_xxh64_state state;
    semblance_xxh64_begin(&state);
    semblance_xxh64_add(&state, bytes, count);
    return semblance_xxh64_value(&state);
}
