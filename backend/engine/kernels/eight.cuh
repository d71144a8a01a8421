// Rows of activations in 8 bits, as products with quantized weights take them: `width` whole numbers, then
// for each 32 of them a scale and the sum of the 32 values themselves, in f32. `width` is a multiple of 256.

#pragma once

#include <stdint.h>

// Puts N neighbouring values at `i` into a row. The lanes that share 32 values all call this together.
template <int N>
__device__ __forceinline__ void put_eight(uint8_t* row, int width, int i, const float (&x)[N]) {
    constexpr int LANES = 32 / N;
    const int lane = threadIdx.x % 32;
    const unsigned ours = LANES == 32 ? ~0u : ((1u << LANES % 32) - 1) << lane / LANES * LANES;
    float most = 0.f, sum = 0.f;
#pragma unroll
    for (int l = 0; l < N; l++) {
        most = fmaxf(most, fabsf(x[l]));
        sum += x[l];
    }
#pragma unroll
    for (int o = LANES / 2; o > 0; o /= 2) {
        most = fmaxf(most, __shfl_xor_sync(ours, most, o));
        sum += __shfl_xor_sync(ours, sum, o);
    }
    const float scale = most / 127.f, inverse = most > 0.f ? 127.f / most : 0.f;
    alignas(N) int8_t eight[N];
#pragma unroll
    for (int l = 0; l < N; l++) eight[l] = static_cast<int8_t>(__float2int_rn(x[l] * inverse));
    if constexpr (N == 4)
        *reinterpret_cast<uint32_t*>(row + i) = *reinterpret_cast<const uint32_t*>(eight);
    else
#pragma unroll
        for (int l = 0; l < N; l++) row[i + l] = static_cast<uint8_t>(eight[l]);
    // A value that is not a number must not vanish: its scale carries it on.
    if (lane % LANES == 0)
        reinterpret_cast<float2*>(row + width)[i / 32] = make_float2(sum == sum ? scale : sum, sum);
}
