// Products of one row with weights in q4_K, which read the weights once.

#include <cuda_fp16.h>
#include <stdint.h>

#include "eight.cuh"
#include "order.cuh"
#include "q4k.cuh"

namespace {

constexpr int WARPS = 4;  // of a block of threads, a row of weights each (ROWS in cuda/products.rs)
constexpr int AHEAD = 4;  // blocks that a lane has on their way before it uses the first

__device__ __forceinline__ int dot(uint4 a, uint4 b) {
    int sum = __dp4a(static_cast<int>(a.x), static_cast<int>(b.x), 0);
    sum = __dp4a(static_cast<int>(a.y), static_cast<int>(b.y), sum);
    sum = __dp4a(static_cast<int>(a.z), static_cast<int>(b.z), sum);
    return __dp4a(static_cast<int>(a.w), static_cast<int>(b.w), sum);
}

__device__ __forceinline__ uint4 nibbles(uint4 x, int shift) {
    constexpr uint32_t LOW = 0x0f0f0f0f;
    return make_uint4(x.x >> shift & LOW, x.y >> shift & LOW, x.z >> shift & LOW, x.w >> shift & LOW);
}

}  // namespace

// out[r] = Σ_c W[r, c] · x[c]: weights [rows, width] in q4_K, x a row in 8 bits (eight.cuh). Eight lanes share a
// block of 256 weights: a lane has 16 bytes of it, whose low halves are weights of one sub-block of 32 and whose
// high halves are the same of the next. The first weights are on their way before x is there. Grid: rows / 4,
// 128 threads.
extern "C" __global__ void __launch_bounds__(32 * WARPS) product_q4k(const uint8_t* weight, const uint8_t* x,
                                                                      float* out, int rows, int width) {
    const int lane = threadIdx.x % 32, row = blockIdx.x * WARPS + threadIdx.x / 32;
    const int blocks = width / VALUES, part = lane % 8, pair = part / 2, odd = part % 2;
    const uint8_t* from = weight + static_cast<size_t>(min(row, rows - 1)) * blocks * BYTES;
    const float once = odd ? 0.f : 1.f;  // the least value counts once for both halves of a sub-block
    uint4 heads[AHEAD], quants[AHEAD];
    const auto load = [&](int base) {
#pragma unroll
        for (int a = 0; a < AHEAD; a++) {
            // Beyond the end the last block again, to no weight.
            const uint8_t* block = from + static_cast<size_t>(min(base + 4 * a, blocks - 1)) * BYTES;
            heads[a] = __ldcs(reinterpret_cast<const uint4*>(block));
            quants[a] = __ldcs(reinterpret_cast<const uint4*>(block + 16 + 16 * part));
        }
    };
    int base = lane / 8;
    load(base);
    begin();
    float sum = 0.f;
    while (true) {
#pragma unroll
        for (int a = 0; a < AHEAD; a++) {
            const int b = base + 4 * a;
            if (b >= blocks) break;
            const int at = b * VALUES + 64 * pair + 16 * odd;
            const uint4 low = *reinterpret_cast<const uint4*>(x + at);
            const uint4 high = *reinterpret_cast<const uint4*>(x + at + 32);
            // Scale and sum of the lower sub-block, then of the upper one.
            const float4 by = *reinterpret_cast<const float4*>(x + width + 8 * (8 * b + 2 * pair));
            const uint4 head = heads[a];
            const Pair scales = scale_pair(head, pair), least = least_pair(head, pair);
            const float2 d = __half22float2(*reinterpret_cast<const __half2*>(&head.x));
            const float below = scales.even * by.x * dot(nibbles(quants[a], 0), low);
            const float above = scales.odd * by.z * dot(nibbles(quants[a], 4), high);
            const float offset = least.even * by.y + least.odd * by.w;
            sum += d.x * (below + above) - once * d.y * offset;
        }
        base += 4 * AHEAD;
        if (base >= blocks) break;
        load(base);
    }
    // Lanes may have left the loop one after another.
    __syncwarp();
#pragma unroll
    for (int o = 16; o > 0; o /= 2) sum += __shfl_xor_sync(~0u, sum, o);
    if (lane == 0 && row < rows) out[row] = sum;
}

// A row of f32 in 8 bits. Grid: width / 256, 256 threads.
extern "C" __global__ void eight(const float* x, uint8_t* out, int width) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    begin();
    if (i >= width) return;
    const float one[1] = {x[i]};
    put_eight(out, width, i, one);
}
