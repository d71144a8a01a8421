// What the attention kernels share: their call, copies into shared memory, and masses by bin.

#pragma once

#include <cuda_fp16.h>
#include <stdint.h>

#include "bins.h"  // written by build.rs from the constants of attention/bins.rs

namespace {

constexpr int BM = 128;     // query rows of a block
constexpr int FOREVER = 0x7fffffff;

static_assert(G < 16, "a row's bin takes four bits, and G stands for none");
static_assert((G + 1) % 8 == 0, "a row of sums is one or two times eight numbers");
static_assert(G * G <= 256, "a thread of a block adds up each pair of bins");

struct Call {
    const __half* q;              // [heads, rows, D]
    const __half* k;              // [kv_heads, …, D], heads `kv_stride` values apart
    const __half* v;
    __half* out;                  // [rows, heads · D]
    const int* spans;             // start and length of each stretch that attends to itself
    const unsigned char* bins;    // [keys]: the bin of each position
    const int2* runs;             // neighbours of one bin: where they end, their bin; the last
                                  // ends at FOREVER
    float* partial;               // [heads, row blocks, G, G]
    float* last;                  // [heads, G]: masses of the last row
    long long q_stride;           // values between heads of q
    long long kv_stride;
    int heads;
    int per_kv;  // query heads that share a key head
    int rows;
    int keys;
    int past;  // row i is key past + i
    float scale;
};

__device__ __forceinline__ uint32_t shared_address(const void* p) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// Sixteen bytes, zeros where `here` is false.
__device__ __forceinline__ void copy16(uint32_t to, const void* from, bool here) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(to), "l"(from),
                 "r"(here ? 16 : 0));
}

__device__ __forceinline__ void commit() { asm volatile("cp.async.commit_group;\n" ::); }

template <int LEFT>
__device__ __forceinline__ void arrive() {
    asm volatile("cp.async.wait_group %0;\n" ::"n"(LEFT) : "memory");
}

__device__ __forceinline__ uint32_t pack(float low, float high) {
    __half2 h = __floats2half2_rn(low, high);
    return *reinterpret_cast<uint32_t*>(&h);
}

// 2^x by the special function unit: within 2 ulp, zero where the result is subnormal.
__device__ __forceinline__ float exp2_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// Of four neighbouring lanes.
__device__ __forceinline__ float quad_sum(float x) {
    x += __shfl_xor_sync(~0u, x, 1);
    return x + __shfl_xor_sync(~0u, x, 2);
}

__device__ __forceinline__ float quad_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(~0u, x, 1));
    return fmaxf(x, __shfl_xor_sync(~0u, x, 2));
}

// Weights are relative to the highest score seen, or to an earlier highest while no score is more
// than this many powers of two above it: they stay below 256, f16 holds them as well as any, and
// what was summed up so far is seldom scaled anew. The end result is the same quotient.
constexpr float SLACK = 8.f;

// A block's part of the problem: one head, 128 rows, one stretch.
struct Part {
    const __half* q;
    const __half* k;
    const __half* v;
    __half* out;
    int head, block, first, rows, keys;

    template <int D>
    __device__ __forceinline__ static Part of(const Call& call) {
        Part p;
        p.head = blockIdx.x;
        // The longest rows first: the short ones fill the gaps at the end.
        p.block = gridDim.y - 1 - blockIdx.y;
        p.first = p.block * BM;
        p.rows = call.rows;
        p.keys = call.keys;
        size_t start = 0;
        if (call.spans) {
            start = call.spans[2 * blockIdx.z];
            p.rows = p.keys = call.spans[2 * blockIdx.z + 1];
        }
        p.q = call.q + p.head * call.q_stride + start * D;
        p.k = call.k + (p.head / call.per_kv) * call.kv_stride + start * D;
        p.v = call.v + (p.head / call.per_kv) * call.kv_stride + start * D;
        p.out = call.out + ((size_t)start * call.heads + p.head) * D;
        return p;
    }
};

// The running sums of the two rows (`row` and `row + 8` of a block) whose keys four neighbouring
// lanes share, as mma and wgmma lay accumulators out. Unobserved it is one sum a row. Observed, it
// is still one: that of the run of keys that the tile is in. Where a run ends, the sum is put down
// in shared memory, with the maximum that it is relative to; so a tile inside a run costs nothing
// that an unobserved tile does not.
template <bool OBSERVED>
struct Sums {
    // A row: the masses of the bins put down so far, then the maximum they are relative to, and
    // in the end 1 / their sum.
    static constexpr int WIDTH = G + 1;
    static constexpr int BYTES = BM * WIDTH * 4;

    float run[2] = {0.f, 0.f};
    float* row[2];
    const int2* next;
    int2 now, ahead;

    __device__ __forceinline__ Sums(const Call& call, float* shared, int first) {
        if constexpr (OBSERVED) {
            const int lot = threadIdx.x & 3;
#pragma unroll
            for (int r = 0; r < 2; r++) {
                row[r] = shared + (first + 8 * r) * WIDTH;
#pragma unroll
                for (int at = lot; at < WIDTH; at += 4) row[r][at] = at < G ? 0.f : -INFINITY;
            }
            next = call.runs + 1;
            now = ahead = call.runs[0];
            if (now.x != FOREVER) ahead = *next++;
            __syncwarp();
        }
    }

    // Puts the running sums down; everything of the rows is relative to `top` then.
    __device__ __forceinline__ void settle(const float (&top)[2]) {
        const int lot = threadIdx.x & 3;
        float shrink[2];
#pragma unroll
        for (int r = 0; r < 2; r++) {
            run[r] = quad_sum(run[r]);
            shrink[r] = exp2_fast(row[r][G] - top[r]);
        }
        __syncwarp();
#pragma unroll
        for (int r = 0; r < 2; r++) {
#pragma unroll
            for (int i = 0; i < WIDTH / 4; i++) {
                const int at = lot + 4 * i;
                row[r][at] = at < G ? row[r][at] * shrink[r] + (now.y == at ? run[r] : 0.f) : top[r];
            }
            run[r] = 0.f;
        }
        __syncwarp();
    }

    // Adds the weights of a tile of 8 · N keys from key `from` on.
    template <int N>
    __device__ __forceinline__ void add(const float (&s)[N][4], const float (&top)[2], int from,
                                        int keys) {
        if (OBSERVED && now.x < min(from + 8 * N, keys)) {
            add_runs(s, top, from, keys);
            return;
        }
        float total[2][2] = {};
#pragma unroll
        for (int i = 0; i < N; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) total[j >> 1][j & 1] += s[i][j];
        run[0] += total[0][0] + total[0][1];
        run[1] += total[1][0] + total[1][1];
    }

    // The same for a tile in which runs end.
    template <int N>
    __device__ __forceinline__ void add_runs(const float (&s)[N][4], const float (&top)[2],
                                             int from, int keys) {
        const int end = min(8 * N, keys - from);
        int start = 0;
        while (true) {
            const int stop = min(now.x - from, end);
            // Keys start … stop - 1 of the tile; the first of this lane is 2 · lot.
            const int shift = 2 * (threadIdx.x & 3) - start;
            const unsigned count = max(stop - start, 0);
#pragma unroll
            for (int i = 0; i < N; i++)
#pragma unroll
                for (int j = 0; j < 2; j++)
                    if ((unsigned)(8 * i + j + shift) < count) {
                        run[0] += s[i][j];
                        run[1] += s[i][2 + j];
                    }
            if (now.x - from >= end) return;
            settle(top);
            start = max(stop, 0);
            now = ahead;
            if (now.x != FOREVER) ahead = *next++;
        }
    }

    // 1 / the whole sum of each row.
    __device__ __forceinline__ void finish(const float (&top)[2], float (&norm)[2]) {
        if constexpr (OBSERVED) {
            settle(top);
#pragma unroll
            for (int r = 0; r < 2; r++) {
                float all = 0.f;
#pragma unroll
                for (int g = 0; g < G; g++) all += row[r][g];
                norm[r] = 1.f / all;
            }
            __syncwarp();
            if ((threadIdx.x & 3) == 0) {
                row[0][G] = norm[0];
                row[1][G] = norm[1];
            }
            __syncwarp();
        } else {
#pragma unroll
            for (int r = 0; r < 2; r++) norm[r] = 1.f / quad_sum(run[r]);
        }
    }
};

// How a warp shares out the sums of its sixteen rows: so many rows at once, a lane a number.
constexpr int AT_ONCE = 32 / Sums<true>::WIDTH;
constexpr int ROUNDS = 16 / AT_ONCE;

// The bins of a warp's sixteen query rows: this lane's are rows lane / WIDTH + AT_ONCE · i, four bits
// each; G beyond the last row.
__device__ __forceinline__ uint32_t row_bins(const Call& call, const Part& part, int warp) {
    const int first = part.first + warp * 16 + threadIdx.x % 32 / Sums<true>::WIDTH;
    uint32_t of = 0;
#pragma unroll
    for (int i = 0; i < ROUNDS; i++) {
        const int row = first + AT_ONCE * i;
        of |= (uint32_t)(row < part.rows ? call.bins[call.past + row] : G) << (4 * i);
    }
    return of;
}

// Adds a warp's masses up by the bins of its rows, to `sums` [G · G], in an order that is always
// the same; the last row's masses go out. `shared` holds the rows of `Sums`.
__device__ __forceinline__ void fold_warp(const Call& call, const Part& part, const float* shared,
                                          float* sums, uint32_t bins, int warp) {
    constexpr int WIDTH = Sums<true>::WIDTH;
    const int lane = threadIdx.x % 32, to = lane % WIDTH, first = warp * 16 + lane / WIDTH;
    float mass[ROUNDS];
    uint32_t any = 0;
#pragma unroll
    for (int at = lane; at < G * G; at += 32) sums[at] = 0.f;
    __syncwarp();
#pragma unroll
    for (int i = 0; i < ROUNDS; i++) {
        const float* row = shared + (first + AT_ONCE * i) * WIDTH;
        mass[i] = row[to] * row[G];
        any |= 1u << (bins >> (4 * i) & 15);
        if (to < G && part.first + first + AT_ONCE * i == part.rows - 1)
            call.last[part.head * G + to] = mass[i];
    }
    any = __reduce_or_sync(~0u, any);
    for (int from = 0; from < G; from++) {
        if (!(any >> from & 1)) continue;
        float sum = 0.f;
#pragma unroll
        for (int i = 0; i < ROUNDS; i++) sum += (bins >> (4 * i) & 15) == from ? mass[i] : 0.f;
#pragma unroll
        for (int step = WIDTH; step < 32; step *= 2) sum += __shfl_xor_sync(~0u, sum, step);
        if (lane < G) sums[from * G + lane] = sum;
    }
}

// Adds the warps' masses up; behind a barrier.
template <int WARPS>
__device__ __forceinline__ void fold_block(const Call& call, const Part& part, const float* sums,
                                           int thread) {
    if (thread >= G * G) return;
    float sum = 0.f;
#pragma unroll
    for (int w = 0; w < WARPS; w++) sum += sums[w * G * G + thread];
    call.partial[((size_t)part.head * gridDim.y + part.block) * G * G + thread] = sum;
}

// Adds the row blocks' masses [heads, blocks, G · G] to [heads, G · G] in f64. One block a head, of
// a multiple of G · G threads, at most 8.
__device__ __forceinline__ void fold_blocks(const float* partial, double* mass, int blocks) {
    __shared__ double sums[8 * G * G];
    const int lots = blockDim.x / (G * G), lot = threadIdx.x / (G * G), at = threadIdx.x % (G * G);
    const float* from = partial + (size_t)blockIdx.x * blocks * G * G + at;
    double sum = 0.0;
#pragma unroll 4
    for (int i = lot; i < blocks; i += lots) sum += from[(size_t)i * G * G];
    sums[threadIdx.x] = sum;
    __syncthreads();
    if (lot > 0) return;
    sum = mass[blockIdx.x * G * G + at];
    for (int i = 0; i < lots; i++) sum += sums[i * G * G + at];
    mass[blockIdx.x * G * G + at] = sum;
}

}  // namespace
