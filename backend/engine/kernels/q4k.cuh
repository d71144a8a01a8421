// llama.cpp's q4_K: blocks of 256 weights in eight sub-blocks of 32. A block is two f16, of which scales and least
// values are multiples, 12 bytes with six bits each for the sub-blocks' scales and least values, and 128 bytes of
// weights: of each 32 bytes the low halves are one sub-block, the high halves the next.

#pragma once

#include <stdint.h>

constexpr int VALUES = 256;
constexpr int BYTES = 144;

// Of two neighbouring sub-blocks.
struct Pair {
    float even, odd;
};

__device__ __forceinline__ Pair of_bytes(uint32_t two) {
    return {static_cast<float>(two & 0xff), static_cast<float>(two >> 8 & 0xff)};
}

// The scales of sub-blocks 2 · pair and the next, from a block's first 16 bytes. Those of the first four sub-blocks
// lie whole in a word; of the last four the lower bits lie in the last word, the upper two above the first four's.
__device__ __forceinline__ Pair scale_pair(uint4 head, int pair) {
    const int shift = 16 * (pair % 2);
    const uint32_t first = head.y >> shift, last = head.w >> shift;
    return of_bytes(pair < 2 ? first & 0x3f3f : (last & 0x0f0f) | (first & 0xc0c0) >> 2);
}

// Their least values, which lie likewise.
__device__ __forceinline__ Pair least_pair(uint4 head, int pair) {
    const int shift = 16 * (pair % 2);
    const uint32_t second = head.z >> shift, last = head.w >> shift;
    return of_bytes(pair < 2 ? second & 0x3f3f : (last >> 4 & 0x0f0f) | (second & 0xc0c0) >> 2);
}
