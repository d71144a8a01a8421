// Attention of one query row over the cache, as in generating: keys are split over blocks, a second
// kernel joins the splits (the split softmax of Flash-Decoding), and a third averages the row over
// heads for whoever watches. Scores, softmax and masses are f32.

#include <cuda_fp16.h>
#include <stdint.h>

namespace {

constexpr int G = 7;
constexpr int CHUNK = 128;  // keys of a block, one thread each in the softmax
constexpr int THREADS = 128;
constexpr int LANES = 8;  // threads that share a key's dot product

__device__ __forceinline__ float value(float x) { return x; }
__device__ __forceinline__ float value(__half x) { return __half2float(x); }
__device__ __forceinline__ void store(float* to, float x) { *to = x; }
__device__ __forceinline__ void store(__half* to, float x) { *to = __float2half_rn(x); }

template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
    T at[N];
};

template <int N>
__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
    for (int i = N / 2; i > 0; i /= 2) x += __shfl_xor_sync(~0u, x, i);
    return x;
}

struct Call {
    const void* q;                // [heads, D]
    const void* k;                // [kv_heads, …, D], heads `kv_stride` values apart
    const void* v;
    const unsigned char* groups;  // [keys]; null: nobody watches
    float* scores;                // [heads, keys]; null: nobody wants the row
    float* highest;               // [heads, splits]
    float* sums;                  // [heads, splits, G], the whole sum in the first place unwatched
    float* outs;                  // [heads, splits, D]
    long long kv_stride;
    int heads;
    int per_kv;
    int keys;
    float scale;
};

template <typename T, int D>
__device__ __forceinline__ void part(const Call& call) {
    constexpr int PER = D / LANES;               // values of a key that one thread multiplies
    constexpr int WIDE = 16 / sizeof(T) < PER ? 16 / sizeof(T) : PER;
    constexpr int SPAN = D / 32;                 // output values of one thread
    __shared__ float p[CHUNK];
    __shared__ float reduce[THREADS / 32];
    __shared__ float sums[THREADS / 32][G];
    __shared__ float out[THREADS / 32][D];

    const int head = blockIdx.y, split = blockIdx.x, first = split * CHUNK;
    const int count = min(CHUNK, call.keys - first);
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const T* q = static_cast<const T*>(call.q) + (size_t)head * D;
    const size_t at = (head / call.per_kv) * call.kv_stride + (size_t)first * D;
    const T* k = static_cast<const T*>(call.k) + at;
    const T* v = static_cast<const T*>(call.v) + at;

    // Scores: eight threads a key, four keys a warp at a time.
    const int lot = lane % LANES;
    float mine[PER];
#pragma unroll
    for (int i = 0; i < PER; i++) mine[i] = value(q[(i / WIDE) * LANES * WIDE + lot * WIDE + i % WIDE]);
#pragma unroll
    for (int i = 0; i < CHUNK / 16; i++) {
        const int key = warp * 32 + i * 4 + lane / LANES;
        float dot = 0.f;
        if (key < count) {
#pragma unroll
            for (int j = 0; j < PER / WIDE; j++) {
                auto part = *reinterpret_cast<const Pack<T, WIDE>*>(
                    k + (size_t)key * D + j * LANES * WIDE + lot * WIDE);
#pragma unroll
                for (int l = 0; l < WIDE; l++) dot = fmaf(value(part.at[l]), mine[j * WIDE + l], dot);
            }
        }
        dot = warp_sum<LANES>(dot) * call.scale;
        if (lot == 0) p[key] = key < count ? dot : -INFINITY;
    }
    __syncthreads();
    const float score = p[threadIdx.x];
    if (call.scores && threadIdx.x < count)
        call.scores[(size_t)head * call.keys + first + threadIdx.x] = score;
    float top = score;
#pragma unroll
    for (int i = 16; i > 0; i /= 2) top = fmaxf(top, __shfl_xor_sync(~0u, top, i));
    if (lane == 0) reduce[warp] = top;
    __syncthreads();
    top = fmaxf(fmaxf(reduce[0], reduce[1]), fmaxf(reduce[2], reduce[3]));
    const float weight = exp2f((score - top) * 1.4426950408889634f);
    p[threadIdx.x] = weight;
    if (call.groups) {
        const int group = threadIdx.x < count ? call.groups[first + threadIdx.x] : G;
#pragma unroll
        for (int g = 0; g < G; g++) {
            const float sum = warp_sum<32>(group == g ? weight : 0.f);
            if (lane == 0) sums[warp][g] = sum;
        }
    } else {
        const float sum = warp_sum<32>(weight);
        if (lane < G) sums[warp][lane] = lane == 0 ? sum : 0.f;
    }
    __syncthreads();
    const size_t here = (size_t)head * gridDim.x + split;
    if (threadIdx.x == 0) call.highest[here] = top;
    if (threadIdx.x < G)
        call.sums[here * G + threadIdx.x] = sums[0][threadIdx.x] + sums[1][threadIdx.x] +
                                            sums[2][threadIdx.x] + sums[3][threadIdx.x];
    // Values: a warp takes every fourth key, a thread SPAN neighbouring values.
    float acc[SPAN];
#pragma unroll
    for (int i = 0; i < SPAN; i++) acc[i] = 0.f;
#pragma unroll 8
    for (int key = warp; key < count; key += THREADS / 32) {
        auto part = *reinterpret_cast<const Pack<T, SPAN>*>(v + (size_t)key * D + lane * SPAN);
#pragma unroll
        for (int i = 0; i < SPAN; i++) acc[i] = fmaf(p[key], value(part.at[i]), acc[i]);
    }
#pragma unroll
    for (int i = 0; i < SPAN; i++) out[warp][lane * SPAN + i] = acc[i];
    __syncthreads();
    for (int i = threadIdx.x; i < D; i += THREADS)
        call.outs[here * D + i] = out[0][i] + out[1][i] + out[2][i] + out[3][i];
}

struct Join {
    const float* highest;
    const float* sums;
    const float* outs;
    void* out;      // [heads, D]
    float* last;    // [heads, G]; null: nobody watches
    float* norm;    // [heads, 2]: highest score and 1 / sum; null: nobody wants the row
    int splits;
    int width;
};

template <typename O>
__device__ __forceinline__ void join(const Join& call) {
    const int head = blockIdx.x;
    const float* highest = call.highest + (size_t)head * call.splits;
    const float* sums = call.sums + (size_t)head * call.splits * G;
    float top = -INFINITY;
    for (int s = 0; s < call.splits; s++) top = fmaxf(top, highest[s]);
    float mass[G];
#pragma unroll
    for (int g = 0; g < G; g++) mass[g] = 0.f;
    float out = 0.f;
    for (int s = 0; s < call.splits; s++) {
        const float weight = exp2f((highest[s] - top) * 1.4426950408889634f);
#pragma unroll
        for (int g = 0; g < G; g++) mass[g] = fmaf(weight, sums[s * G + g], mass[g]);
        if (threadIdx.x < call.width)
            out = fmaf(weight, call.outs[((size_t)head * call.splits + s) * call.width + threadIdx.x],
                       out);
    }
    float all = 0.f;
#pragma unroll
    for (int g = 0; g < G; g++) all += mass[g];
    const float norm = 1.f / all;
    if (threadIdx.x < call.width)
        store(static_cast<O*>(call.out) + (size_t)head * call.width + threadIdx.x, out * norm);
    if (threadIdx.x == 0) {
        if (call.last) {
#pragma unroll
            for (int g = 0; g < G; g++) call.last[head * G + g] = mass[g] * norm;
        }
        if (call.norm) {
            call.norm[2 * head] = top;
            call.norm[2 * head + 1] = norm;
        }
    }
}

}  // namespace

#define PART(T, D, NAME)                                                            \
    extern "C" __global__ void __launch_bounds__(THREADS) NAME(const __grid_constant__ Call call) { \
        part<T, D>(call);                                                           \
    }

PART(__half, 32, decode_part_f16_32)
PART(__half, 64, decode_part_f16_64)
PART(__half, 128, decode_part_f16_128)
PART(float, 32, decode_part_f32_32)
PART(float, 64, decode_part_f32_64)
PART(float, 128, decode_part_f32_128)

extern "C" __global__ void decode_join_f32(const __grid_constant__ Join call) { join<float>(call); }
extern "C" __global__ void decode_join_f16(const __grid_constant__ Join call) { join<__half>(call); }

// The row averaged over heads, from the scores: [heads, keys] → [keys].
extern "C" __global__ void decode_row(const float* scores, const float* norm, float* row, int heads,
                                      int keys) {
    const int key = blockIdx.x * blockDim.x + threadIdx.x;
    if (key >= keys) return;
    float sum = 0.f;
    for (int h = 0; h < heads; h++)
        sum += exp2f((scores[(size_t)h * keys + key] - norm[2 * h]) * 1.4426950408889634f) *
               norm[2 * h + 1];
    row[key] = sum / heads;
}
