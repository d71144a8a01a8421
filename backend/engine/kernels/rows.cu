// Row by row: norms, rotary positions, activations, softmax of whole score rows, the choice of a
// token. Everything that is not a matrix product.

#include <cuda_fp16.h>
#include <stdint.h>

namespace {

constexpr int G = 7;

__device__ __forceinline__ float value(float x) { return x; }
__device__ __forceinline__ float value(__half x) { return __half2float(x); }
__device__ __forceinline__ void store(float* to, float x) { *to = x; }
// Saturates: a value beyond f16 stays the largest there is instead of becoming infinite.
__device__ __forceinline__ void store(__half* to, float x) {
    *to = __float2half_rn(fminf(fmaxf(x, -65504.f), 65504.f));
}

// Sum over a block of at most 1,024 threads, a multiple of 32; the same for every thread.
__device__ __forceinline__ float block_sum(float x) {
    __shared__ float sums[33];
#pragma unroll
    for (int i = 16; i > 0; i /= 2) x += __shfl_xor_sync(~0u, x, i);
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = x;
    __syncthreads();
    if (threadIdx.x < 32) {
        float y = threadIdx.x < blockDim.x / 32 ? sums[threadIdx.x] : 0.f;
#pragma unroll
        for (int i = 16; i > 0; i /= 2) y += __shfl_xor_sync(~0u, y, i);
        if (threadIdx.x == 0) sums[32] = y;
    }
    __syncthreads();
    const float all = sums[32];
    __syncthreads();
    return all;
}

__device__ __forceinline__ float block_max(float x) {
    __shared__ float tops[33];
#pragma unroll
    for (int i = 16; i > 0; i /= 2) x = fmaxf(x, __shfl_xor_sync(~0u, x, i));
    if (threadIdx.x % 32 == 0) tops[threadIdx.x / 32] = x;
    __syncthreads();
    if (threadIdx.x == 0) {
        float y = tops[0];
        for (int i = 1; i < blockDim.x / 32; i++) y = fmaxf(y, tops[i]);
        tops[32] = y;
    }
    __syncthreads();
    const float all = tops[32];
    __syncthreads();
    return all;
}

// x += delta where there is one; out = x / rms(x) · weight. One block a row.
template <typename O>
__device__ __forceinline__ void norm(float* x, const float* delta, const float* weight, O* out,
                                     int width, float eps) {
    x += (size_t)blockIdx.x * width;
    out += (size_t)blockIdx.x * width;
    float squares = 0.f;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        float v = x[i];
        if (delta) {
            v += delta[(size_t)blockIdx.x * width + i];
            x[i] = v;
        }
        squares = fmaf(v, v, squares);
    }
    const float scale = rsqrtf(block_sum(squares) / width + eps);
    for (int i = threadIdx.x; i < width; i += blockDim.x) store(out + i, x[i] * scale * weight[i]);
}

// Cuts rows [n, (heads + 2 · kv_heads) · width] of stacked queries, keys and values apart, turns
// queries and keys by their positions, and puts keys and values into the cache.
template <typename I, typename O>
__device__ __forceinline__ void turn(const I* qkv, const float* cos, const float* sin, O* q, O* k,
                                     O* v, int n, int heads, int kv_heads, int width,
                                     long long kv_stride, int past) {
    const int row = blockIdx.x, half = width / 2;
    const int all = (heads + 2 * kv_heads) * half;
    qkv += (size_t)row * 2 * all;
    cos += (size_t)row * half;
    sin += (size_t)row * half;
    for (int i = threadIdx.x; i < all; i += blockDim.x) {
        const int head = i / half, at = i % half;
        const float a = value(qkv[head * width + at]), b = value(qkv[head * width + half + at]);
        O* to;
        float first = a, second = b;
        if (head < heads + kv_heads) {
            first = a * cos[at] - b * sin[at];
            second = b * cos[at] + a * sin[at];
        }
        if (head < heads) {
            to = q + ((size_t)head * n + row) * width;
        } else if (head < heads + kv_heads) {
            to = k + (head - heads) * kv_stride + (size_t)(past + row) * width;
        } else {
            to = v + (head - heads - kv_heads) * kv_stride + (size_t)(past + row) * width;
        }
        store(to + at, first);
        store(to + half + at, second);
    }
}

// silu(gate) · up of rows [n, 2 · width].
template <typename T>
__device__ __forceinline__ void gate(const T* x, T* out, int width) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= width) return;
    const T* row = x + (size_t)blockIdx.y * 2 * width;
    const float g = value(row[i]), up = value(row[width + i]);
    store(out + (size_t)blockIdx.y * width + i, g / (1.f + __expf(-g)) * up);
}

}  // namespace

extern "C" __global__ void norm_f32(float* x, const float* delta, const float* weight, float* out,
                                    int width, float eps) {
    norm(x, delta, weight, out, width, eps);
}
extern "C" __global__ void norm_f16(float* x, const float* delta, const float* weight, __half* out,
                                    int width, float eps) {
    norm(x, delta, weight, out, width, eps);
}

#define TURN(I, O, NAME)                                                                          \
    extern "C" __global__ void NAME(const I* qkv, const float* cos, const float* sin, O* q, O* k, \
                                    O* v, int n, int heads, int kv_heads, int width,              \
                                    long long kv_stride, int past) {                              \
        turn(qkv, cos, sin, q, k, v, n, heads, kv_heads, width, kv_stride, past);                 \
    }
TURN(float, float, turn_f32_f32)
TURN(float, __half, turn_f32_f16)
TURN(__half, __half, turn_f16_f16)

extern "C" __global__ void gate_f32(const float* x, float* out, int width) { gate(x, out, width); }
extern "C" __global__ void gate_f16(const __half* x, __half* out, int width) {
    gate(x, out, width);
}

// softmax(scale · x) in place over the keys each row may see, zero beyond; rows of the buffer are
// (head, query row). Where groups are given, a row's mass by key group goes to [buffer rows, G].
extern "C" __global__ void softmax_rows(float* scores, const unsigned char* groups, float* masses,
                                        int rows, int keys, int causal, int past, int first,
                                        float scale) {
    const int r = blockIdx.x;
    const int visible = causal ? min(keys, past + first + r % rows + 1) : keys;
    float* row = scores + (size_t)r * keys;
    float top = -INFINITY;
    for (int i = threadIdx.x; i < visible; i += blockDim.x) top = fmaxf(top, row[i]);
    top = block_max(top);
    float sum = 0.f;
    for (int i = threadIdx.x; i < visible; i += blockDim.x) {
        const float e = expf((row[i] - top) * scale);
        row[i] = e;
        sum += e;
    }
    const float norm = 1.f / block_sum(sum);
    float mass[G];
#pragma unroll
    for (int g = 0; g < G; g++) mass[g] = 0.f;
    for (int i = threadIdx.x; i < keys; i += blockDim.x) {
        const float w = i < visible ? row[i] * norm : 0.f;
        row[i] = w;
        if (groups) {
            const int group = groups[i];
#pragma unroll
            for (int g = 0; g < G; g++)
                if (group == g) mass[g] += w;
        }
    }
    if (!groups) return;
#pragma unroll
    for (int g = 0; g < G; g++) {
        const float all = block_sum(mass[g]);
        if (threadIdx.x == 0) masses[(size_t)r * G + g] = all;
    }
}

// Adds rows' masses [heads, rows, G] to [heads, G, G] by the rows' own groups; one block of G · G
// threads a head, in order of rows, so that the sum is the same every time. The last row's go to
// `last` [heads, G].
extern "C" __global__ void fold_rows(const float* masses, const unsigned char* groups, double* mass,
                                     float* last, int rows, int first_key) {
    const float* from = masses + (size_t)blockIdx.x * rows * G;
    const int query = threadIdx.x / G, key = threadIdx.x % G;
    double sum = mass[blockIdx.x * G * G + threadIdx.x];
    for (int r = 0; r < rows; r++)
        if (groups[first_key + r] == query) sum += from[r * G + key];
    mass[blockIdx.x * G * G + threadIdx.x] = sum;
    if (threadIdx.x < G) last[blockIdx.x * G + threadIdx.x] = from[(rows - 1) * G + threadIdx.x];
}

// The last row of weights [heads, rows, keys], averaged over heads.
extern "C" __global__ void mean_last_row(const float* weights, float* row, int heads, int rows,
                                         int keys) {
    const int key = blockIdx.x * blockDim.x + threadIdx.x;
    if (key >= keys) return;
    float sum = 0.f;
    for (int h = 0; h < heads; h++) sum += weights[((size_t)h * rows + rows - 1) * keys + key];
    row[key] = sum / heads;
}

struct Choice {
    float logit;
    float norm;  // Σ exp(logit − highest)
    uint32_t id;
    uint32_t finite;
};

// The most probable token, the first of equals. One block of 1,024 threads.
extern "C" __global__ void choose(const float* logits, Choice* choice, int vocab) {
    __shared__ float tops[1024];
    __shared__ int ids[1024];
    float top = -INFINITY;
    int id = 0x7fffffff;
    bool finite = true;
    for (int i = threadIdx.x; i < vocab; i += 1024) {
        const float x = logits[i];
        finite = finite && isfinite(x);
        if (x > top) {
            top = x;
            id = i;
        }
    }
    tops[threadIdx.x] = top;
    ids[threadIdx.x] = id;
    finite = __syncthreads_and(finite);
    for (int half = 512; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            const float other = tops[threadIdx.x + half];
            const int that = ids[threadIdx.x + half];
            if (other > tops[threadIdx.x] || (other == tops[threadIdx.x] && that < ids[threadIdx.x])) {
                tops[threadIdx.x] = other;
                ids[threadIdx.x] = that;
            }
        }
        __syncthreads();
    }
    float sum = 0.f;
    for (int i = threadIdx.x; i < vocab; i += 1024) sum += expf(logits[i] - tops[0]);
    sum = block_sum(sum);
    if (threadIdx.x == 0) *choice = {tops[0], sum, static_cast<uint32_t>(ids[0]), finite};
}
