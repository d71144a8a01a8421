// Row by row: norms, rotary positions, activations, softmax of whole score rows, the choice of a
// token. Everything that is not a matrix product.

#include <cuda_fp16.h>
#include <stdint.h>

#include "eight.cuh"
#include "order.cuh"
#include "bins.h"  // written by build.rs from the constants of attention/bins.rs

namespace {

static_assert(G * G <= 1024, "a thread of a block folds each pair of bins");

__device__ __forceinline__ float value(float x) { return x; }
__device__ __forceinline__ float value(__half x) { return __half2float(x); }
__device__ __forceinline__ void store(float* to, float x) { *to = x; }
// Saturates: a value beyond f16 stays the largest there is instead of becoming infinite. What is
// not a number stays that, where fmaxf alone would make it the lowest number.
__device__ __forceinline__ void store(__half* to, float x) {
    const float within = fminf(fmaxf(x, -65504.f), 65504.f);
    *to = __float2half_rn(x == x ? within : x);
}

// N neighbours, read and written at once where they are aligned.
template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
    T at[N];
};
template <int N, typename T>
__device__ __forceinline__ Pack<T, N> read(const T* from) {
    return *reinterpret_cast<const Pack<T, N>*>(from);
}
template <typename T, int N>
__device__ __forceinline__ void write(T* to, const float (&x)[N]) {
    Pack<T, N> pack;
#pragma unroll
    for (int i = 0; i < N; i++) store(pack.at + i, x[i]);
    *reinterpret_cast<Pack<T, N>*>(to) = pack;
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

constexpr int HELD = 4;  // packs of four values of a row that a thread keeps (LONGEST in cuda/products.rs)

// Where a norm's rows go.
template <typename O>
struct Plain {
    O* out;

    __device__ __forceinline__ Plain row(int width) const { return {out + (size_t)blockIdx.x * width}; }
    __device__ __forceinline__ void put(int, int i, const float (&y)[4]) const { write(out + i, y); }
    __device__ __forceinline__ void put(int i, float y) const { store(out + i, y); }
};
// A single row in 8 bits.
struct Eight {
    uint8_t* out;

    __device__ __forceinline__ Eight row(int) const { return *this; }
    __device__ __forceinline__ void put(int width, int i, const float (&y)[4]) const { put_eight(out, width, i, y); }
    // Rows in 8 bits are always short enough for registers.
    __device__ __forceinline__ void put(int, float) const { __trap(); }
};

// x += delta where there is one; out = x / rms(x) · weight. One block a row.
template <typename To>
__device__ __forceinline__ void norm(float* x, const float* delta, const float* weight, To to,
                                     int width, float eps) {
    begin();
    x += (size_t)blockIdx.x * width;
    to = to.row(width);
    if (delta) delta += (size_t)blockIdx.x * width;
    float squares = 0.f;
    if (width % 4 == 0 && width <= 4 * HELD * blockDim.x) {
        // The row stays in registers.
        Pack<float, 4> held[HELD];
#pragma unroll
        for (int j = 0; j < HELD; j++) {
            const int i = 4 * (threadIdx.x + j * blockDim.x);
            if (i < width) held[j] = read<4>(x + i);
        }
        if (delta) {
#pragma unroll
            for (int j = 0; j < HELD; j++) {
                const int i = 4 * (threadIdx.x + j * blockDim.x);
                if (i >= width) continue;
                const auto more = read<4>(delta + i);
#pragma unroll
                for (int l = 0; l < 4; l++) held[j].at[l] += more.at[l];
                write(x + i, held[j].at);
            }
        }
#pragma unroll
        for (int j = 0; j < HELD; j++) {
            if (4 * (threadIdx.x + j * blockDim.x) >= width) continue;
#pragma unroll
            for (int l = 0; l < 4; l++) squares = fmaf(held[j].at[l], held[j].at[l], squares);
        }
        const float scale = rsqrtf(block_sum(squares) / width + eps);
#pragma unroll
        for (int j = 0; j < HELD; j++) {
            const int i = 4 * (threadIdx.x + j * blockDim.x);
            if (i >= width) continue;
            const auto by = read<4>(weight + i);
            float y[4];
#pragma unroll
            for (int l = 0; l < 4; l++) y[l] = held[j].at[l] * scale * by.at[l];
            to.put(width, i, y);
        }
        return;
    }
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        float v = x[i];
        if (delta) {
            v += delta[i];
            x[i] = v;
        }
        squares = fmaf(v, v, squares);
    }
    const float scale = rsqrtf(block_sum(squares) / width + eps);
    for (int i = threadIdx.x; i < width; i += blockDim.x) to.put(i, x[i] * scale * weight[i]);
}

// Cuts rows [n, (heads + 2 · kv_heads) · width] of stacked queries, keys and values apart, turns
// queries and keys by their positions, and puts keys and values into the cache; N values at a time.
template <int N, typename I, typename O>
__device__ __forceinline__ void turn_by(const I* qkv, const float* cos, const float* sin, O* q, O* k,
                                        O* v, int n, int heads, int kv_heads, int width,
                                        long long kv_stride, int past) {
    const int row = blockIdx.x, half = width / 2, lots = half / N;
    begin();
    const int all = heads + 2 * kv_heads;
    qkv += (size_t)row * all * width;
    cos += (size_t)row * half;
    sin += (size_t)row * half;
    for (int i = threadIdx.x; i < all * lots; i += blockDim.x) {
        const int head = i / lots, at = i % lots * N;
        const auto a = read<N>(qkv + head * width + at), b = read<N>(qkv + head * width + half + at);
        float first[N], second[N];
        O* to;
        if (head < heads + kv_heads) {
            const auto c = read<N>(cos + at), s = read<N>(sin + at);
#pragma unroll
            for (int l = 0; l < N; l++) {
                first[l] = value(a.at[l]) * c.at[l] - value(b.at[l]) * s.at[l];
                second[l] = value(b.at[l]) * c.at[l] + value(a.at[l]) * s.at[l];
            }
            to = head < heads ? q + ((size_t)head * n + row) * width
                              : k + (head - heads) * kv_stride + (size_t)(past + row) * width;
        } else {
#pragma unroll
            for (int l = 0; l < N; l++) {
                first[l] = value(a.at[l]);
                second[l] = value(b.at[l]);
            }
            to = v + (head - heads - kv_heads) * kv_stride + (size_t)(past + row) * width;
        }
        write(to + at, first);
        write(to + half + at, second);
    }
}
template <typename I, typename O>
__device__ __forceinline__ void turn(const I* qkv, const float* cos, const float* sin, O* q, O* k,
                                     O* v, int n, int heads, int kv_heads, int width,
                                     long long kv_stride, int past) {
    if (width % 16 == 0)
        turn_by<8>(qkv, cos, sin, q, k, v, n, heads, kv_heads, width, kv_stride, past);
    else
        turn_by<1>(qkv, cos, sin, q, k, v, n, heads, kv_heads, width, kv_stride, past);
}

__device__ __forceinline__ float silu(float x) { return x / (1.f + __expf(-x)); }

// silu(gate) · up of rows [n, 2 · width].
template <typename T>
__device__ __forceinline__ void gate(const T* x, T* out, int width) {
    constexpr int N = 16 / sizeof(T);
    begin();
    const T* row = x + (size_t)blockIdx.y * 2 * width;
    out += (size_t)blockIdx.y * width;
    const int thread = blockIdx.x * blockDim.x + threadIdx.x, threads = gridDim.x * blockDim.x;
    if (width % N == 0) {
        for (int i = N * thread; i < width; i += N * threads) {
            const auto g = read<N>(row + i), up = read<N>(row + width + i);
            float y[N];
#pragma unroll
            for (int l = 0; l < N; l++) y[l] = silu(value(g.at[l])) * value(up.at[l]);
            write(out + i, y);
        }
    } else {
        for (int i = thread; i < width; i += threads)
            store(out + i, silu(value(row[i])) * value(row[width + i]));
    }
}

}  // namespace

extern "C" __global__ void norm_f32(float* x, const float* delta, const float* weight, float* out,
                                    int width, float eps) {
    norm(x, delta, weight, Plain<float>{out}, width, eps);
}
extern "C" __global__ void norm_f16(float* x, const float* delta, const float* weight, __half* out,
                                    int width, float eps) {
    norm(x, delta, weight, Plain<__half>{out}, width, eps);
}
// `width` is a multiple of 256 and at most 16,384.
extern "C" __global__ void norm_eight(float* x, const float* delta, const float* weight, uint8_t* out,
                                      int width, float eps) {
    norm(x, delta, weight, Eight{out}, width, eps);
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
// Of one row, to 8 bits: a value a thread, `width` a multiple of 256.
extern "C" __global__ void gate_eight(const float* x, uint8_t* out, int width) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    begin();
    if (i >= width) return;
    const float y[1] = {silu(x[i]) * x[width + i]};
    put_eight(out, width, i, y);
}

// Adds a bias [width] to rows [n, width] in place.
template <typename T>
__device__ __forceinline__ void add(T* y, const float* bias, long long count, int width) {
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    begin();
    if (i < count) store(y + i, value(y[i]) + bias[i % width]);
}

extern "C" __global__ void add_bias_f32(float* y, const float* bias, long long count, int width) {
    add(y, bias, count, width);
}
extern "C" __global__ void add_bias_f16(__half* y, const float* bias, long long count, int width) {
    add(y, bias, count, width);
}

// softmax(scale · x) in place over the keys each row may see, zero beyond; rows of the buffer are
// (head, query row). Where bins are given, a row's mass by key bin goes to [buffer rows, G].
extern "C" __global__ void softmax_rows(float* scores, const unsigned char* bins, float* masses,
                                        int rows, int keys, int causal, int past, int first,
                                        float scale) {
    begin();
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
        if (bins) {
            const int bin = bins[i];
#pragma unroll
            for (int g = 0; g < G; g++)
                if (bin == g) mass[g] += w;
        }
    }
    if (!bins) return;
#pragma unroll
    for (int g = 0; g < G; g++) {
        const float all = block_sum(mass[g]);
        if (threadIdx.x == 0) masses[(size_t)r * G + g] = all;
    }
}

// Adds rows' masses [heads, rows, G] to [heads, G, G] by the rows' own bins; one block of G · G
// threads a head, in order of rows, so that the sum is the same every time. The last row's go to
// `last` [heads, G].
extern "C" __global__ void fold_rows(const float* masses, const unsigned char* bins, double* mass,
                                     float* last, int rows, int first_key) {
    begin();
    const float* from = masses + (size_t)blockIdx.x * rows * G;
    const int query = threadIdx.x / G, key = threadIdx.x % G;
    double sum = mass[blockIdx.x * G * G + threadIdx.x];
    for (int r = 0; r < rows; r++)
        if (bins[first_key + r] == query) sum += from[r * G + key];
    mass[blockIdx.x * G * G + threadIdx.x] = sum;
    if (threadIdx.x < G) last[blockIdx.x * G + threadIdx.x] = from[(rows - 1) * G + threadIdx.x];
}

// The last row of weights [heads, rows, keys], averaged over heads.
extern "C" __global__ void mean_last_row(const float* weights, float* row, int heads, int rows,
                                         int keys) {
    const int key = blockIdx.x * blockDim.x + threadIdx.x;
    begin();
    if (key >= keys) return;
    float sum = 0.f;
    for (int h = 0; h < heads; h++) sum += weights[((size_t)h * rows + rows - 1) * keys + key];
    row[key] = sum / heads;
}

// The last row of weights [heads, rows, keys] by head: [heads, keys]. The grid's second dimension is a head.
extern "C" __global__ void last_rows(const float* weights, float* out, int rows, int keys) {
    const int key = blockIdx.x * blockDim.x + threadIdx.x;
    begin();
    if (key >= keys) return;
    out[(size_t)blockIdx.y * keys + key] = weights[((size_t)blockIdx.y * rows + rows - 1) * keys + key];
}

struct Choice {
    float logit;
    float norm;  // Σ exp(logit − highest)
    uint32_t id;
    uint32_t finite;
};

// The first of the highest logits seen, and Σ exp(logit − it).
struct Best {
    float top;
    float sum;
    int id;

    __device__ __forceinline__ void add(const Best& other) {
        const bool better = other.top > top || (other.top == top && other.id < id);
        const float high = better ? other.top : top, low = better ? top : other.top;
        // A side that has seen nothing, or nothing but −∞, weighs nothing.
        const float less = low == -INFINITY ? 0.f : expf(low - high);
        sum = better ? other.sum + sum * less : sum + other.sum * less;
        top = high;
        id = better ? other.id : id;
    }
};

// Of all lanes of a warp, for all of them.
__device__ __forceinline__ void warp_best(Best& best) {
#pragma unroll
    for (int i = 16; i > 0; i /= 2) {
        Best other;
        other.top = __shfl_xor_sync(~0u, best.top, i);
        other.sum = __shfl_xor_sync(~0u, best.sum, i);
        other.id = __shfl_xor_sync(~0u, best.id, i);
        best.add(other);
    }
}

constexpr int SLICES = 64;  // most blocks of `choose`
__device__ Best slices[SLICES];
__device__ int slices_finite[SLICES];
// How many blocks are done; zero again when a call is.
__device__ unsigned int slices_done;

// The most probable token, the first of equals, in one pass: at most 64 blocks of 1,024 threads, one
// for every 8,192 logits. The last block to finish joins them.
extern "C" __global__ void choose(const float* logits, Choice* choice, int vocab) {
    constexpr int N = 8;
    __shared__ Best bests[32];
    __shared__ bool last;
    begin();
    Best best = {-INFINITY, 0.f, 0x7fffffff};
    bool finite = true;
    for (int first = blockIdx.x * 1024 * N + threadIdx.x; first < vocab; first += gridDim.x * 1024 * N) {
        float x[N];
#pragma unroll
        for (int l = 0; l < N; l++)
            x[l] = first + l * 1024 < vocab ? logits[first + l * 1024] : -INFINITY;
        float high = best.top;
#pragma unroll
        for (int l = 0; l < N; l++) {
            finite = finite && (isfinite(x[l]) || first + l * 1024 >= vocab);
            if (x[l] > high) {
                high = x[l];
                best.id = first + l * 1024;
            }
        }
        if (high == -INFINITY) continue;
        best.sum *= best.top == -INFINITY ? 0.f : expf(best.top - high);
        best.top = high;
#pragma unroll
        for (int l = 0; l < N; l++) best.sum += expf(x[l] - high);
    }
    finite = __syncthreads_and(finite);
    warp_best(best);
    if (threadIdx.x % 32 == 0) bests[threadIdx.x / 32] = best;
    __syncthreads();
    if (threadIdx.x >= 32) return;
    best = bests[threadIdx.x];
    warp_best(best);
    if (threadIdx.x == 0) {
        slices[blockIdx.x] = best;
        slices_finite[blockIdx.x] = finite;
        __threadfence();
        last = atomicAdd(&slices_done, 1) == gridDim.x - 1;
        __threadfence();
    }
    __syncwarp();
    if (!last) return;
    best = {-INFINITY, 0.f, 0x7fffffff};
    for (int i = threadIdx.x; i < gridDim.x; i += 32) {
        const volatile Best& from = slices[i];
        best.add({from.top, from.sum, from.id});
        finite = finite && *(const volatile int*)&slices_finite[i];
    }
    finite = __all_sync(~0u, finite);
    warp_best(best);
    if (threadIdx.x == 0) {
        *choice = {best.top, best.sum, static_cast<uint32_t>(best.id), finite};
        slices_done = 0;
    }
}
