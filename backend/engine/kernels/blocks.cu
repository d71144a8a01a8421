// Weights held in llama.cpp's blocks, decoded to f16 for the moment of their product.

#include <cuda_fp16.h>
#include <stdint.h>

#include "q4k.cuh"

namespace {

constexpr int PER_WARP = 4;  // blocks, all of them on their way before the first is used

// Two neighbours of eight values: `d · q − m`.
__device__ __forceinline__ uint32_t pair(uint32_t low, uint32_t high, float d, float m) {
    const __half2 two = __halves2half2(__float2half_rn(d * low - m), __float2half_rn(d * high - m));
    return *reinterpret_cast<const uint32_t*>(&two);
}

}  // namespace

// Blocks of 256 values in q4_K to f16. A warp takes four blocks; a lane takes eight values of each,
// all of one sub-block of 32, and writes them at once. 256 threads.
extern "C" __global__ void __launch_bounds__(256) decode_q4k(const uint8_t* blocks, __half* out, long long count) {
    const int lane = threadIdx.x % 32, sub = lane / 4;
    const long long first = ((long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32) * PER_WARP;
    uint4 heads[PER_WARP];
    uint2 values[PER_WARP];
#pragma unroll
    for (int b = 0; b < PER_WARP; b++) {
        if (first + b >= count) continue;
        const uint8_t* block = blocks + (first + b) * BYTES;
        heads[b] = *reinterpret_cast<const uint4*>(block);
        values[b] = *reinterpret_cast<const uint2*>(block + 16 + lane / 8 * 32 + lane % 4 * 8);
    }
#pragma unroll
    for (int b = 0; b < PER_WARP; b++) {
        if (first + b >= count) continue;
        const uint4 head = heads[b];
        const Pair scales = scale_pair(head, sub / 2), least = least_pair(head, sub / 2);
        const __half2 both = *reinterpret_cast<const __half2*>(&head.x);
        const float d = __low2float(both) * (sub % 2 ? scales.odd : scales.even);
        const float m = __high2float(both) * (sub % 2 ? least.odd : least.even);
        // Even sub-blocks are the low halves of their bytes, odd ones the high halves.
        const int half = sub % 2 * 4;
        const uint32_t x = values[b].x >> half & 0x0f0f0f0f, y = values[b].y >> half & 0x0f0f0f0f;
        uint4 eight;
        eight.x = pair(x & 15, x >> 8 & 15, d, m);
        eight.y = pair(x >> 16 & 15, x >> 24, d, m);
        eight.z = pair(y & 15, y >> 8 & 15, d, m);
        eight.w = pair(y >> 16 & 15, y >> 24, d, m);
        *reinterpret_cast<uint4*>(out + (first + b) * VALUES + lane * 8) = eight;
    }
}
