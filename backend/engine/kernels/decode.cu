// Attention of one query row over the cache, as in generating: keys are split over blocks (the split
// softmax of Flash-Decoding), the last block of a head to finish joins the splits, and a second
// kernel averages the row over heads for whoever watches. Scores, softmax and masses are f32.
//
// Eight lanes share a key: its dot product, then its values. Such a team runs through its keys with
// a running softmax of its own, four keys at a time, and meets the others of its block in the end;
// nothing waits on anything before that.

#include <cuda_fp16.h>
#include <stdint.h>

#include "order.cuh"
#include "bins.h"  // written by build.rs from the constants of attention/bins.rs

namespace {

constexpr int THREADS = 128;
constexpr int LANES = 8;                  // of a team
constexpr int PER_LANE = (G + LANES - 1) / LANES;  // bins that a lane of a team sums
constexpr int TEAMS = THREADS / LANES;    // of a block
constexpr int MAX_SPLITS = THREADS;
constexpr int MAX_HEADS = 1024;           // of a call
constexpr float LOG2E = 1.4426950408889634f;

// How many blocks of each head are done; zero again when a call is.
__device__ unsigned int finished[MAX_HEADS];

__device__ __forceinline__ float value(float x) { return x; }
__device__ __forceinline__ float value(__half x) { return __half2float(x); }

static_assert(LANES * PER_LANE <= 32, "the lanes of one warp join the splits' masses");

template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
    T at[N];
};

template <int N>
__device__ __forceinline__ float lanes_sum(float x) {
#pragma unroll
    for (int i = N / 2; i > 0; i /= 2) x += __shfl_xor_sync(~0u, x, i);
    return x;
}

struct Call {
    const void* q;                // [heads, D], heads `q_stride` values apart
    const void* k;                // [kv_heads, …, D], heads `kv_stride` values apart
    const void* v;
    const unsigned char* bins;    // [keys]; null: nobody watches
    float* scores;                // [heads, keys]; null: nobody wants the row
    float* highest;               // [heads, splits], powers of two
    float* sums;                  // [heads, splits, G], the whole sum in the first place unwatched
    float* outs;                  // [heads, splits, D]
    float* out;                   // [heads, D]
    float* last;                  // [heads, G]; null: nobody watches
    float* norm;                  // [heads, 2]: highest score and 1 / sum; null: nobody wants the row
    long long q_stride;
    long long kv_stride;
    int heads;
    int per_kv;
    int keys;
    float scale;
};

// Joins a head's splits. They were written by other blocks: they are read past the first cache.
template <int D>
__device__ __forceinline__ void join(const Call& call, int head) {
    constexpr int LOTS = THREADS / D;  // of splits, each summed by D threads
    __shared__ float out[LOTS][D];
    const int splits = gridDim.x, lot = threadIdx.x / D, at = threadIdx.x % D;
    const float* highest = call.highest + (size_t)head * splits;
    const float* sums = call.sums + (size_t)head * splits * G;
    const float* outs = call.outs + (size_t)head * splits * D;

    __shared__ float tops[MAX_SPLITS];
    if (threadIdx.x < splits) tops[threadIdx.x] = __ldcg(highest + threadIdx.x);
    __syncthreads();
    float top = tops[0];
    for (int s = 1; s < splits; s++) top = fmaxf(top, tops[s]);
    float sum = 0.f;
#pragma unroll 16
    for (int s = lot; s < splits; s += LOTS)
        sum = fmaf(exp2f(tops[s] - top), __ldcg(outs + (size_t)s * D + at), sum);
    // The first lanes of a warp take the masses.
    float mass = 0.f;
    const int lane = threadIdx.x % 32;
    if (lane < G) {
#pragma unroll 16
        for (int s = 0; s < splits; s++)
            mass = fmaf(exp2f(tops[s] - top), __ldcg(sums + s * G + lane), mass);
    }
    const float norm = 1.f / lanes_sum<LANES * PER_LANE>(mass);  // of the lanes that took them
    const float all = __shfl_sync(~0u, norm, 0);
    out[lot][at] = sum;
    __syncthreads();
    if (threadIdx.x < D) {
        sum = 0.f;
#pragma unroll
        for (int l = 0; l < LOTS; l++) sum += out[l][threadIdx.x];
        call.out[head * D + threadIdx.x] = sum * all;
    }
    if (call.last && threadIdx.x < G) call.last[head * G + threadIdx.x] = mass * all;
    if (threadIdx.x == 0) {
        if (call.norm) {
            call.norm[2 * head] = top;
            call.norm[2 * head + 1] = all;
        }
        finished[head] = 0;
    }
}

template <typename T, int D>
__device__ __forceinline__ void attend(const Call& call) {
    constexpr int PER = D / LANES;  // values of a key in one lane
    constexpr int WIDE = 16 / sizeof(T) < PER ? 16 / sizeof(T) : PER;
    constexpr int PACKS = PER / WIDE;
    constexpr int BATCH = PER * sizeof(T) > 32 ? 2 : 4;  // keys of a team at a time
    using Packed = Pack<T, WIDE>;
    __shared__ float tops[TEAMS];
    __shared__ float masses[TEAMS][LANES * PER_LANE];
    __shared__ float out[TEAMS][D];
    __shared__ bool last;
    begin();

    const int head = blockIdx.y, split = blockIdx.x;
    const int lot = threadIdx.x % LANES, team = threadIdx.x / LANES;
    // Splits of whole rounds of all teams.
    const int share = (call.keys + gridDim.x * TEAMS - 1) / (gridDim.x * TEAMS) * TEAMS;
    const int first = split * share, end = min(call.keys, first + share);
    const T* q = static_cast<const T*>(call.q) + head * call.q_stride + lot * WIDE;
    const size_t at = (head / call.per_kv) * call.kv_stride + lot * WIDE;
    const T* k = static_cast<const T*>(call.k) + at;
    const T* v = static_cast<const T*>(call.v) + at;

    float mine[PER];
#pragma unroll
    for (int j = 0; j < PACKS; j++) {
        const auto part = *reinterpret_cast<const Packed*>(q + j * LANES * WIDE);
#pragma unroll
        for (int l = 0; l < WIDE; l++) mine[j * WIDE + l] = value(part.at[l]);
    }
    const float scale = call.scale * LOG2E;
    float acc[PER] = {};
    float mass[PER_LANE] = {};  // of the bins of this lane's number, and LANES further on
    float top = -INFINITY;
    for (int base = first + team; base < end; base += TEAMS * BATCH) {
        Packed keys[BATCH][PACKS], values[BATCH][PACKS];
        int bin[BATCH];
#pragma unroll
        for (int b = 0; b < BATCH; b++) {
            // Beyond the end the first key again, to no weight.
            const int key = base + b * TEAMS < end ? base + b * TEAMS : base;
#pragma unroll
            for (int j = 0; j < PACKS; j++)
                keys[b][j] = *reinterpret_cast<const Packed*>(k + (size_t)key * D + j * LANES * WIDE);
        }
#pragma unroll
        for (int b = 0; b < BATCH; b++) {
            const int key = base + b * TEAMS < end ? base + b * TEAMS : base;
#pragma unroll
            for (int j = 0; j < PACKS; j++)
                values[b][j] = *reinterpret_cast<const Packed*>(v + (size_t)key * D + j * LANES * WIDE);
            bin[b] = call.bins ? call.bins[key] : 0;
        }
        float score[BATCH];
        float high = top;
#pragma unroll
        for (int b = 0; b < BATCH; b++) {
            float dot = 0.f;
#pragma unroll
            for (int j = 0; j < PACKS; j++)
#pragma unroll
                for (int l = 0; l < WIDE; l++)
                    dot = fmaf(value(keys[b][j].at[l]), mine[j * WIDE + l], dot);
#pragma unroll
            for (int i = LANES / 2; i > 0; i /= 2)
                dot += __shfl_xor_sync(0xffu << (threadIdx.x % 32 / LANES * LANES), dot, i);
            const int key = base + b * TEAMS;
            score[b] = key < end ? dot * scale : -INFINITY;
            if (call.scores && lot == 0 && key < end)
                call.scores[(size_t)head * call.keys + key] = score[b];
            high = fmaxf(high, score[b]);
        }
        const float shrink = exp2f(top - high);
        top = high;
#pragma unroll
        for (int m = 0; m < PER_LANE; m++) mass[m] *= shrink;
#pragma unroll
        for (int i = 0; i < PER; i++) acc[i] *= shrink;
#pragma unroll
        for (int b = 0; b < BATCH; b++) {
            const float weight = exp2f(score[b] - high);
#pragma unroll
            for (int m = 0; m < PER_LANE; m++) mass[m] += bin[b] == lot + m * LANES ? weight : 0.f;
#pragma unroll
            for (int j = 0; j < PACKS; j++)
#pragma unroll
                for (int l = 0; l < WIDE; l++)
                    acc[j * WIDE + l] = fmaf(weight, value(values[b][j].at[l]), acc[j * WIDE + l]);
        }
    }
    if (lot == 0) tops[team] = top;
#pragma unroll
    for (int m = 0; m < PER_LANE; m++) masses[team][lot + m * LANES] = mass[m];
#pragma unroll
    for (int i = 0; i < PER; i++) out[team][(i / WIDE) * LANES * WIDE + lot * WIDE + i % WIDE] = acc[i];
    __syncthreads();
    float high = tops[0];
#pragma unroll
    for (int t = 1; t < TEAMS; t++) high = fmaxf(high, tops[t]);
    const size_t here = (size_t)head * gridDim.x + split;
    // A team without keys weighs nothing.
    auto weigh = [&](int t) { return first + t < end ? exp2f(tops[t] - high) : 0.f; };
    if (threadIdx.x < D) {
        float sum = 0.f;
#pragma unroll
        for (int t = 0; t < TEAMS; t++) sum = fmaf(weigh(t), out[t][threadIdx.x], sum);
        call.outs[here * D + threadIdx.x] = sum;
    }
    if (threadIdx.x < G) {
        float sum = 0.f;
#pragma unroll
        for (int t = 0; t < TEAMS; t++) sum = fmaf(weigh(t), masses[t][threadIdx.x], sum);
        call.sums[here * G + threadIdx.x] = sum;
    }
    if (threadIdx.x == 0) call.highest[here] = high;

    // Who comes last finds everything written.
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        last = atomicAdd(&finished[head], 1) == gridDim.x - 1;
        __threadfence();
    }
    __syncthreads();
    if (last) join<D>(call, head);
}

}  // namespace

// Grid (splits, heads), 128 threads; as many splits as fill the device, at most 128.
#define DECODE(T, D, NAME)                                                          \
    extern "C" __global__ void __launch_bounds__(THREADS, 4) NAME(const __grid_constant__ Call call) { \
        attend<T, D>(call);                                                         \
    }

DECODE(__half, 32, decode_f16_32)
DECODE(__half, 64, decode_f16_64)
DECODE(__half, 128, decode_f16_128)
DECODE(float, 32, decode_f32_32)
DECODE(float, 64, decode_f32_64)
DECODE(float, 128, decode_f32_128)

// Every head's row, from the scores (in powers of two): [layers · heads, keys] → the same. The grid's second
// dimension is a layer's head.
extern "C" __global__ void __launch_bounds__(256) decode_heads(const float* scores, const float* norm,
                                                               float* rows, int keys) {
    const int key = blockIdx.x * 256 + threadIdx.x;
    begin();
    if (key >= keys) return;
    const float2 by = *reinterpret_cast<const float2*>(norm + 2 * blockIdx.y);
    const size_t at = (size_t)blockIdx.y * keys + key;
    rows[at] = exp2f(scores[at] - by.x) * by.y;
}

// The row averaged over heads, from the scores (in powers of two): [heads, keys] → [keys]. The grid's
// second dimension is a layer: scores and norms lie layer by layer, rows `row_stride` values apart.
// 128 threads take 32 keys, in four lots of heads.
extern "C" __global__ void __launch_bounds__(128) decode_row(const float* scores, const float* norm,
                                                             float* row, int heads, int keys,
                                                             long long row_stride) {
    __shared__ float sums[4][32];
    begin();
    const int lane = threadIdx.x % 32, lot = threadIdx.x / 32, key = blockIdx.x * 32 + lane;
    scores += (size_t)blockIdx.y * heads * keys + min(key, keys - 1);
    norm += (size_t)blockIdx.y * heads * 2;
    float sum = 0.f;
#pragma unroll 8
    for (int h = lot; h < heads; h += 4) {
        const float2 by = *reinterpret_cast<const float2*>(norm + 2 * h);
        sum = fmaf(exp2f(scores[(size_t)h * keys] - by.x), by.y, sum);
    }
    sums[lot][lane] = sum;
    __syncthreads();
    if (lot == 0 && key < keys)
        row[blockIdx.y * row_stride + key] =
            (sums[0][lane] + sums[1][lane] + sums[2][lane] + sums[3][lane]) / heads;
}
