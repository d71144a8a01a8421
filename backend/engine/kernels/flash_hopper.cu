// Observed attention for Hopper: as flash.cu, with products by warpgroups (wgmma) whose operands lie
// in shared memory. A block owns 128 query rows of a head, two warpgroups of 64 rows each, and walks
// over the keys 128 at a time. While the tensor cores multiply weights by values, the softmax of the
// next tile is taken.

#include "flash_common.cuh"
#include "wgmma.cuh"

namespace {

constexpr int BN = 128;
constexpr int THREADS = 256;

// Rows of 64 halves (128 bytes), columns beyond in further blocks; chunks of 16 bytes are swizzled
// as wgmma's 128-byte mode reads them.
template <int D, int ROWS>
__device__ __forceinline__ void fetch(uint32_t to, const __half* from, int there) {
    constexpr int CHUNKS = D / 8;
    constexpr int STEP = THREADS / CHUNKS;
    const int chunk = threadIdx.x % CHUNKS, first = threadIdx.x / CHUNKS;
    to += (chunk / 8) * ROWS * 128 + first * 128 + (((chunk & 7) ^ (first & 7)) << 4);
    const __half* at = from + (size_t)first * D + chunk * 8;
#pragma unroll
    for (int i = 0; i < ROWS / STEP; i++) {
        const bool here = first + i * STEP < there;
        copy16(to + i * STEP * 128, here ? at + (size_t)i * STEP * D : from, here);
    }
}

template <int D, bool CAUSAL, bool OBSERVED>
__device__ __forceinline__ void attend(const Call& call) {
    constexpr int TILE = BN * D * 2;
    constexpr int BLOCKS = D / 8;  // of eight columns of the output
    extern __shared__ __align__(1024) unsigned char memory[];
    const uint32_t q_at = (shared_address(memory) + 1023) & ~1023u;
    const uint32_t k_at = q_at + BM * D * 2;
    const uint32_t v_at = k_at + 2 * TILE;
    float* masses = reinterpret_cast<float*>(memory + (v_at + 2 * TILE - shared_address(memory)));

    const Part part = Part::of<D>(call);
    if (part.first >= part.rows) return;
    const int first = part.first, keys = part.keys;
    const int group = threadIdx.x / 128, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int visible = CAUSAL ? min(keys, call.past + first + BM) : keys;
    const int tiles = (visible + BN - 1) / BN;

    fetch<D, BM>(q_at, part.q + (size_t)first * D, part.rows - first);
    fetch<D, BN>(k_at, part.k, keys);
    commit();
    fetch<D, BN>(v_at, part.v, keys);
    if (tiles > 1) fetch<D, BN>(k_at + TILE, part.k + (size_t)BN * D, keys - BN);
    commit();

    float s[16][4];
    float o[BLOCKS][4];
    uint32_t p[8][4];
    float top[2] = {-INFINITY, -INFINITY};  // what weights are relative to, scaled
    float shrink[2] = {1.f, 1.f};
    bool moved;
    const float scale = call.scale * 1.4426950408889634f;
    const int row0 = first + warp * 16 + lane / 4;  // and row0 + 8
    Sums<OBSERVED> sums(call, masses, warp * 16 + lane / 4);
    const uint32_t bins = OBSERVED ? row_bins(call, part, warp) : 0;

    // Scores of 64 rows by 128 keys.
    auto scores = [&](int tile) {
        const uint32_t a = q_at + group * 64 * 128, b = k_at + (tile & 1) * TILE;
#pragma unroll
        for (int step = 0; step < D / 16; step++) {
            const uint32_t over = (step % 4) * 32;
            multiply(s, matrix(a + (step / 4) * BM * 128 + over, 16),
                     matrix(b + (step / 4) * BN * 128 + over, 16), step > 0);
        }
        wgmma_commit();
    };
    auto values = [&](int tile) {
        const uint32_t b = v_at + (tile & 1) * TILE;
#pragma unroll
        for (int step = 0; step < BN / 16; step++)
            multiply(o, p[step], matrix(b + step * 16 * 128, BN * 128), step > 0 || tile > 0);
        wgmma_commit();
    };
    // The running softmax: scores become weights relative to the new highest score.
    auto soften = [&](int tile) {
        const int from = tile * BN;
        if (from + BN > keys || (CAUSAL && from + BN - 1 > call.past + first + group * 64)) {
#pragma unroll
            for (int i = 0; i < 16; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    const int key = from + i * 8 + (lane & 3) * 2 + (j & 1);
                    const int row = row0 + (j >> 1) * 8;
                    if (key >= keys || (CAUSAL && key > call.past + row)) s[i][j] = -INFINITY;
                }
        }
        float high[2];
#pragma unroll
        for (int r = 0; r < 2; r++) {
            high[r] = fmaxf(s[0][2 * r], s[0][2 * r + 1]);
#pragma unroll
            for (int i = 1; i < 16; i++)
                high[r] = fmaxf(high[r], fmaxf(s[i][2 * r], s[i][2 * r + 1]));
            high[r] = quad_max(high[r]) * scale;
        }
        // Every row sees the first key, so the reference is finite from the first tile on.
        moved = __any_sync(~0u, high[0] > top[0] + SLACK || high[1] > top[1] + SLACK);
        if (moved) {
#pragma unroll
            for (int r = 0; r < 2; r++) {
                high[r] = fmaxf(top[r], high[r]);
                shrink[r] = exp2_fast(top[r] - high[r]);
                top[r] = high[r];
                sums.run[r] *= shrink[r];
            }
        }
#pragma unroll
        for (int i = 0; i < 16; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) s[i][j] = exp2_fast(fmaf(s[i][j], scale, -top[j >> 1]));
        sums.add(s, top, from, keys);
    };
    auto to_halves = [&]() {
#pragma unroll
        for (int step = 0; step < 8; step++) {
            p[step][0] = pack(s[2 * step][0], s[2 * step][1]);
            p[step][1] = pack(s[2 * step][2], s[2 * step][3]);
            p[step][2] = pack(s[2 * step + 1][0], s[2 * step + 1][1]);
            p[step][3] = pack(s[2 * step + 1][2], s[2 * step + 1][3]);
        }
    };
    // What cp.async wrote is read by wgmma only behind this fence and a barrier.
    auto landed = [&]() {
        asm volatile("fence.proxy.async.shared::cta;\n" ::: "memory");
        __syncthreads();
    };

    arrive<1>();
    landed();
    hold(s);
    wgmma_fence();
    scores(0);
    wgmma_wait<0>();
    hold(s);
    soften(0);
    to_halves();

    for (int tile = 1; tile < tiles; tile++) {
        arrive<0>();
        landed();
        hold(s);
        hold(o);
        hold(p);
        wgmma_fence();
        scores(tile);
        values(tile - 1);
        // Into the places that were read for the last time before the barrier.
        const int next = tile * BN;
        fetch<D, BN>(v_at + (tile & 1) * TILE, part.v + (size_t)next * D, keys - next);
        if (tile + 1 < tiles)
            fetch<D, BN>(k_at + ((tile + 1) & 1) * TILE, part.k + (size_t)(next + BN) * D,
                         keys - next - BN);
        commit();
        wgmma_wait<1>();
        hold(s);
        soften(tile);
        wgmma_wait<0>();
        hold(o);
        hold(p);
        to_halves();
        if (moved) {
#pragma unroll
            for (int i = 0; i < BLOCKS; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) o[i][j] *= shrink[j >> 1];
        }
    }
    arrive<0>();
    landed();
    hold(o);
    hold(p);
    wgmma_fence();
    values(tiles - 1);
    float norm[2];
    sums.finish(top, norm);
    wgmma_wait<0>();
    hold(o);
    hold(p);

#pragma unroll
    for (int r = 0; r < 2; r++) {
        const int row = row0 + 8 * r;
        if (row < part.rows) {
            __half* to = part.out + (size_t)row * call.heads * D + (lane & 3) * 2;
#pragma unroll
            for (int i = 0; i < BLOCKS; i++)
                *reinterpret_cast<uint32_t*>(to + i * 8) =
                    pack(o[i][2 * r] * norm[r], o[i][2 * r + 1] * norm[r]);
        }
    }
    if constexpr (OBSERVED) {
        float* warps = masses + Sums<true>::BYTES / 4;
        fold_warp(call, part, masses, warps + warp * G * G, bins, warp);
        __syncthreads();
        fold_block<THREADS / 32>(call, part, warps, threadIdx.x);
    }
}

}  // namespace

// Shared memory: (BM + 4 · BN) · D · 2 bytes, 1,024 for alignment, and observed the rows' masses
// (BM · (G + 1) · 4) and the warps' (8 · G · G · 4).
#define FLASH(D, CAUSAL, OBSERVED, NAME)                                                  \
    extern "C" __global__ void __launch_bounds__(THREADS, 1) NAME(const __grid_constant__ Call call) { \
        attend<D, CAUSAL, OBSERVED>(call);                                                \
    }

FLASH(64, false, false, flash_64)
FLASH(128, false, false, flash_128)
FLASH(64, true, false, flash_64_causal)
FLASH(128, true, false, flash_128_causal)
FLASH(64, true, true, flash_64_causal_observed)
FLASH(128, true, true, flash_128_causal_observed)
FLASH(64, false, true, flash_64_observed)
FLASH(128, false, true, flash_128_observed)

extern "C" __global__ void flash_fold(const float* partial, double* mass, int blocks) {
    fold_blocks(partial, mass, blocks);
}
