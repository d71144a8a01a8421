// Observed attention in one pass over tiles: softmax(scale · Q Kᵀ) V and, where somebody watches,
// the exact attention mass from every query bin to every key bin. Nothing of size S × S is
// ever in device memory.
//
// The running softmax of FlashAttention (Dao et al. 2022) keeps, per query row, the maximum, the
// sum of exponentials and the output. Masses by bin are the same sum, put down wherever a run of
// neighbouring keys of one bin ends: the mass costs the addition that the sum needed anyway.
//
// Products run on tensor cores in f16 with f32 accumulators (mma.sync m16n8k16); scores, softmax
// and masses are f32. A block owns 128 query rows of a head, eight warps of 16 rows each, and walks
// over the keys 64 at a time, the next tile on its way while this one is multiplied.

#include "flash_common.cuh"

namespace {

constexpr int BN = 64;
constexpr int THREADS = 256;

__device__ __forceinline__ void load4(uint32_t (&r)[4], uint32_t at) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(at));
}

__device__ __forceinline__ void load4_transposed(uint32_t (&r)[4], uint32_t at) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];\n"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(at));
}

__device__ __forceinline__ void multiply(float (&c)[4], const uint32_t (&a)[4], uint32_t b0,
                                         uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, {%0,%1,%2,%3};\n"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Where a row's chunk of sixteen bytes lies in shared memory, so that the eight rows a warp reads
// at once fall into different banks.
template <int D>
__device__ __forceinline__ int place(int row, int chunk) {
    if constexpr (D % 64 == 0) return row * (D / 8) + (chunk ^ (row & 7));
    if constexpr (D == 32) return row * 4 + (chunk ^ ((row >> 1) & 3));
    return row * (D / 8) + (chunk ^ ((row >> 2) & 1));  // of 80: an even number of chunks
}

// Copies `ROWS` rows of D halves, zeros from row `there` on.
template <int D, int ROWS>
__device__ __forceinline__ void fetch(uint32_t to, const __half* from, int there) {
    constexpr int CHUNKS = D / 8;
    for (int i = threadIdx.x; i < ROWS * CHUNKS; i += THREADS) {
        int row = i / CHUNKS, chunk = i % CHUNKS;
        bool here = row < there;
        copy16(to + place<D>(row, chunk) * 16, from + (here ? (size_t)row * D + chunk * 8 : 0),
               here);
    }
}

template <int D, bool CAUSAL, bool OBSERVED>
__device__ __forceinline__ void attend(const Call& call) {
    constexpr int STEPS = D / 16;
    constexpr int TILE = BN * D * 2;
    extern __shared__ __align__(128) unsigned char memory[];
    const uint32_t q_at = shared_address(memory);
    const uint32_t k_at = q_at + BM * D * 2;
    const uint32_t v_at = k_at + 2 * TILE;
    float* masses = reinterpret_cast<float*>(memory + BM * D * 2 + 4 * TILE);

    const Part part = Part::of<D>(call);
    if (part.first >= part.rows) return;
    const int first = part.first, keys = part.keys;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int visible = CAUSAL ? min(keys, call.past + first + BM) : keys;
    const int tiles = (visible + BN - 1) / BN;

    fetch<D, BM>(q_at, part.q + (size_t)first * D, part.rows - first);
    fetch<D, BN>(k_at, part.k, keys);
    fetch<D, BN>(v_at, part.v, keys);
    commit();

    uint32_t qr[STEPS][4];
    float o[D / 8][4];
#pragma unroll
    for (int i = 0; i < D / 8; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) o[i][j] = 0.f;
    float top[2] = {-INFINITY, -INFINITY};  // what weights are relative to, scaled
    Sums<OBSERVED> sums(call, masses, warp * 16 + lane / 4);
    const uint32_t bins = OBSERVED ? row_bins(call, part, warp) : 0;
    const float scale = call.scale * 1.4426950408889634f;
    const int row0 = first + warp * 16 + lane / 4;  // and row0 + 8

    for (int tile = 0; tile < tiles; tile++) {
        const int stage = tile & 1;
        if (tile + 1 < tiles) {
            const int next = (tile + 1) * BN;
            fetch<D, BN>(k_at + (stage ^ 1) * TILE, part.k + (size_t)next * D, keys - next);
            fetch<D, BN>(v_at + (stage ^ 1) * TILE, part.v + (size_t)next * D, keys - next);
            commit();
            arrive<1>();
        } else {
            arrive<0>();
        }
        __syncthreads();
        if (tile == 0) {
#pragma unroll
            for (int step = 0; step < STEPS; step++)
                load4(qr[step],
                      q_at + place<D>(warp * 16 + (lane & 15), step * 2 + (lane >> 4)) * 16);
        }
        // Scores: 16 rows of this warp by 64 keys.
        float s[BN / 8][4];
#pragma unroll
        for (int i = 0; i < BN / 8; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) s[i][j] = 0.f;
        const uint32_t kt = k_at + stage * TILE, vt = v_at + stage * TILE;
#pragma unroll
        for (int step = 0; step < STEPS; step++) {
#pragma unroll
            for (int pair = 0; pair < BN / 16; pair++) {
                uint32_t b[4];
                const int key = pair * 16 + (lane >> 4) * 8 + (lane & 7);
                load4(b, kt + place<D>(key, step * 2 + ((lane >> 3) & 1)) * 16);
                multiply(s[2 * pair], qr[step], b[0], b[1]);
                multiply(s[2 * pair + 1], qr[step], b[2], b[3]);
            }
        }
        const int from = tile * BN;
        const bool edge = from + BN > keys || (CAUSAL && from + BN - 1 > call.past + first);
        if (edge) {
#pragma unroll
            for (int i = 0; i < BN / 8; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    const int key = from + i * 8 + (lane & 3) * 2 + (j & 1);
                    const int row = row0 + (j >> 1) * 8;
                    if (key >= keys || (CAUSAL && key > call.past + row)) s[i][j] = -INFINITY;
                }
        }
        // The running softmax.
        float high[2];
#pragma unroll
        for (int r = 0; r < 2; r++) {
            high[r] = fmaxf(s[0][2 * r], s[0][2 * r + 1]);
#pragma unroll
            for (int i = 1; i < BN / 8; i++)
                high[r] = fmaxf(high[r], fmaxf(s[i][2 * r], s[i][2 * r + 1]));
            high[r] = quad_max(high[r]) * scale;
        }
        // Every row sees the first key, so the reference is finite from the first tile on.
        if (__any_sync(~0u, high[0] > top[0] + SLACK || high[1] > top[1] + SLACK)) {
#pragma unroll
            for (int r = 0; r < 2; r++) {
                high[r] = fmaxf(top[r], high[r]);
                const float shrink = exp2_fast(top[r] - high[r]);
                top[r] = high[r];
                sums.run[r] *= shrink;
#pragma unroll
                for (int i = 0; i < D / 8; i++) {
                    o[i][2 * r] *= shrink;
                    o[i][2 * r + 1] *= shrink;
                }
            }
        }
#pragma unroll
        for (int i = 0; i < BN / 8; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) s[i][j] = exp2_fast(fmaf(s[i][j], scale, -top[j >> 1]));
        sums.add(s, top, from, keys);
        // Times the values.
#pragma unroll
        for (int step = 0; step < BN / 16; step++) {
            const uint32_t a[4] = {pack(s[2 * step][0], s[2 * step][1]),
                                   pack(s[2 * step][2], s[2 * step][3]),
                                   pack(s[2 * step + 1][0], s[2 * step + 1][1]),
                                   pack(s[2 * step + 1][2], s[2 * step + 1][3])};
#pragma unroll
            for (int pair = 0; pair < D / 16; pair++) {
                uint32_t b[4];
                const int key = step * 16 + ((lane >> 3) & 1) * 8 + (lane & 7);
                load4_transposed(b, vt + place<D>(key, pair * 2 + (lane >> 4)) * 16);
                multiply(o[2 * pair], a, b[0], b[1]);
                multiply(o[2 * pair + 1], a, b[2], b[3]);
            }
        }
        __syncthreads();
    }

    float norm[2];
    sums.finish(top, norm);
#pragma unroll
    for (int r = 0; r < 2; r++) {
        const int row = row0 + 8 * r;
        if (row < part.rows) {
            __half* to = part.out + (size_t)row * call.heads * D + (lane & 3) * 2;
#pragma unroll
            for (int i = 0; i < D / 8; i++)
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

#define FLASH(D, CAUSAL, OBSERVED, NAME)                                                  \
    extern "C" __global__ void __launch_bounds__(THREADS, D <= 80 ? 2 : 1) NAME(const __grid_constant__ Call call) { \
        attend<D, CAUSAL, OBSERVED>(call);                                                \
    }

FLASH(32, false, false, flash_32)
FLASH(64, false, false, flash_64)
FLASH(80, false, false, flash_80)
FLASH(128, false, false, flash_128)
FLASH(32, true, false, flash_32_causal)
FLASH(64, true, false, flash_64_causal)
FLASH(80, true, false, flash_80_causal)
FLASH(128, true, false, flash_128_causal)
FLASH(32, true, true, flash_32_causal_observed)
FLASH(64, true, true, flash_64_causal_observed)
FLASH(80, true, true, flash_80_causal_observed)
FLASH(128, true, true, flash_128_causal_observed)
FLASH(32, false, true, flash_32_observed)
FLASH(64, false, true, flash_64_observed)
FLASH(80, false, true, flash_80_observed)
FLASH(128, false, true, flash_128_observed)

extern "C" __global__ void flash_fold(const float* partial, double* mass, int blocks) {
    fold_blocks(partial, mass, blocks);
}
