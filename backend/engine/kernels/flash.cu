// Observed attention in one pass over tiles: softmax(scale · Q Kᵀ) V and, where somebody watches,
// the exact attention mass from every query group to every key group. Nothing of size S × S is
// ever in device memory.
//
// The running softmax of FlashAttention (Dao et al. 2022) keeps, per query row, the maximum, the
// sum of exponentials and the output. Group masses are the same sum kept apart by the key's group:
// keys of a group are neighbours, so nearly every tile of 64 keys lies in one group, and the mass
// costs the one addition that the sum needed anyway.
//
// Products run on tensor cores in f16 with f32 accumulators (mma.sync m16n8k16); scores, softmax
// and masses are f32. A block owns 128 query rows of a head, eight warps of 16 rows each, and walks
// over the keys 64 at a time, the next tile on its way while this one is multiplied.

#include <cuda_fp16.h>
#include <stdint.h>

namespace {

constexpr int BM = 128;
constexpr int BN = 64;
constexpr int THREADS = 256;
constexpr int G = 7;
constexpr int MIXED = 255;

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
    asm volatile("cp.async.wait_group %0;\n" ::"n"(LEFT));
}

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

__device__ __forceinline__ uint32_t pack(float low, float high) {
    __half2 h = __floats2half2_rn(low, high);
    return *reinterpret_cast<uint32_t*>(&h);
}

// Where a row's chunk of sixteen bytes lies in shared memory, so that the eight rows a warp reads
// at once fall into different banks.
template <int D>
__device__ __forceinline__ int place(int row, int chunk) {
    if constexpr (D % 64 == 0) return row * (D / 8) + (chunk ^ (row & 7));
    if constexpr (D == 32) return row * 4 + (chunk ^ ((row >> 1) & 3));
    return row * (D / 8) + chunk;
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

struct Call {
    const __half* q;              // [heads, rows, D]
    const __half* k;              // [kv_heads, …, D], heads `kv_stride` values apart
    const __half* v;
    __half* out;                  // [rows, heads · D]
    const int* spans;             // start and length of each stretch that attends to itself
    const unsigned char* groups;  // [keys]: the group of each position
    const unsigned char* tiles;   // [⌈keys/64⌉]: the group of a tile, MIXED where there are several
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

template <int D, bool CAUSAL, bool OBSERVED>
__device__ __forceinline__ void attend(const Call& call) {
    constexpr int STEPS = D / 16;
    constexpr int TILE = BN * D * 2;
    extern __shared__ __align__(128) unsigned char memory[];
    const uint32_t q_at = shared_address(memory);
    const uint32_t k_at = q_at + BM * D * 2;
    const uint32_t v_at = k_at + 2 * TILE;

    const int head = blockIdx.x;
    // The longest rows first: the short ones fill the gaps at the end.
    const int block = gridDim.y - 1 - blockIdx.y;
    int first = block * BM, rows = call.rows, keys = call.keys;
    const __half* q = call.q + head * call.q_stride;
    const __half* k = call.k + (head / call.per_kv) * call.kv_stride;
    const __half* v = call.v + (head / call.per_kv) * call.kv_stride;
    __half* out = call.out + (size_t)head * D;
    if (call.spans) {
        const int start = call.spans[2 * blockIdx.z];
        rows = keys = call.spans[2 * blockIdx.z + 1];
        if (first >= rows) return;
        q += (size_t)start * D;
        k += (size_t)start * D;
        v += (size_t)start * D;
        out += (size_t)start * call.heads * D;
    }
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int visible = CAUSAL ? min(keys, call.past + first + BM) : keys;
    const int tiles = (visible + BN - 1) / BN;

    fetch<D, BM>(q_at, q + (size_t)first * D, rows - first);
    fetch<D, BN>(k_at, k, keys);
    fetch<D, BN>(v_at, v, keys);
    commit();

    uint32_t qr[STEPS][4];
    float o[D / 8][4];
#pragma unroll
    for (int i = 0; i < D / 8; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) o[i][j] = 0.f;
    float highest[2] = {-INFINITY, -INFINITY};
    // By group where observed; the whole sum in the first place where not.
    constexpr int SUMS = OBSERVED ? G : 1;
    float sum[2][SUMS];
#pragma unroll
    for (int i = 0; i < SUMS; i++) sum[0][i] = sum[1][i] = 0.f;
    const float scale = call.scale * 1.4426950408889634f;
    const int row0 = first + warp * 16 + lane / 4;  // and row0 + 8

    for (int tile = 0; tile < tiles; tile++) {
        const int stage = tile & 1;
        if (tile + 1 < tiles) {
            const int next = (tile + 1) * BN;
            fetch<D, BN>(k_at + (stage ^ 1) * TILE, k + (size_t)next * D, keys - next);
            fetch<D, BN>(v_at + (stage ^ 1) * TILE, v + (size_t)next * D, keys - next);
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
        float top[2] = {highest[0], highest[1]};
#pragma unroll
        for (int i = 0; i < BN / 8; i++) {
            top[0] = fmaxf(top[0], fmaxf(s[i][0], s[i][1]));
            top[1] = fmaxf(top[1], fmaxf(s[i][2], s[i][3]));
        }
#pragma unroll
        for (int r = 0; r < 2; r++) {
            top[r] = fmaxf(top[r], __shfl_xor_sync(~0u, top[r], 1));
            top[r] = fmaxf(top[r], __shfl_xor_sync(~0u, top[r], 2));
            // A row that has seen nothing yet keeps a finite reference.
            const float base = top[r] == -INFINITY ? 0.f : top[r];
            const float shrink = exp2f((highest[r] - base) * scale);
            highest[r] = top[r];
            top[r] = base * scale;
#pragma unroll
            for (int i = 0; i < SUMS; i++) sum[r][i] *= shrink;
#pragma unroll
            for (int i = 0; i < D / 8; i++) {
                o[i][2 * r] *= shrink;
                o[i][2 * r + 1] *= shrink;
            }
        }
        float total[2] = {0.f, 0.f};
#pragma unroll
        for (int i = 0; i < BN / 8; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) {
                s[i][j] = exp2f(fmaf(s[i][j], scale, -top[j >> 1]));
                total[j >> 1] += s[i][j];
            }
        if constexpr (OBSERVED) {
            const int group = call.tiles[tile];
            if (group != MIXED) {
#pragma unroll
                for (int i = 0; i < G; i++) {
                    if (group == i) {
                        sum[0][i] += total[0];
                        sum[1][i] += total[1];
                    }
                }
            } else {
#pragma unroll
                for (int i = 0; i < BN / 8; i++)
#pragma unroll
                    for (int j = 0; j < 2; j++) {
                        const int key = from + i * 8 + (lane & 3) * 2 + j;
                        const int group = key < keys ? call.groups[key] : MIXED;
#pragma unroll
                        for (int g = 0; g < G; g++) {
                            if (group == g) {
                                sum[0][g] += s[i][j];
                                sum[1][g] += s[i][2 + j];
                            }
                        }
                    }
            }
        } else {
            sum[0][0] += total[0];
            sum[1][0] += total[1];
        }
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

    // A row's keys lie in four lanes.
    float norm[2];
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float all = 0.f;
#pragma unroll
        for (int i = 0; i < SUMS; i++) {
            sum[r][i] += __shfl_xor_sync(~0u, sum[r][i], 1);
            sum[r][i] += __shfl_xor_sync(~0u, sum[r][i], 2);
            all += sum[r][i];
        }
        norm[r] = 1.f / all;
        const int row = row0 + 8 * r;
        if (row < rows) {
            __half* to = out + (size_t)row * call.heads * D;
#pragma unroll
            for (int i = 0; i < D / 8; i++) {
                __half2 pair = __floats2half2_rn(o[i][2 * r] * norm[r], o[i][2 * r + 1] * norm[r]);
                *reinterpret_cast<__half2*>(to + i * 8 + (lane & 3) * 2) = pair;
            }
        }
    }
    if constexpr (OBSERVED) {
        // The query tile is no longer needed.
        float* masses = reinterpret_cast<float*>(memory);  // [BM, G]
        if ((lane & 3) == 0) {
#pragma unroll
            for (int r = 0; r < 2; r++)
#pragma unroll
                for (int g = 0; g < G; g++)
                    masses[(row0 - first + 8 * r) * G + g] = sum[r][g] * norm[r];
        }
        __syncthreads();
        const int count = min(BM, rows - first);
        if (threadIdx.x < G * G) {
            // In order of rows, so that the sum is the same every time.
            const int from = threadIdx.x / G, to = threadIdx.x % G;
            float mass = 0.f;
            for (int r = 0; r < count; r++)
                if (call.groups[call.past + first + r] == from) mass += masses[r * G + to];
            call.partial[((size_t)head * gridDim.y + block) * G * G + threadIdx.x] = mass;
        }
        if (first + count == rows && threadIdx.x < G)
            call.last[head * G + threadIdx.x] = masses[(count - 1) * G + threadIdx.x];
    }
}

}  // namespace

#define FLASH(D, CAUSAL, OBSERVED, NAME)                                                  \
    extern "C" __global__ void __launch_bounds__(THREADS, 1) NAME(const __grid_constant__ Call call) { \
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

// Adds the row blocks' masses up: [heads, blocks, G · G] → [heads, G · G] in f64. One block a head.
extern "C" __global__ void flash_fold(const float* partial, double* mass, int blocks) {
    const float* from = partial + (size_t)blockIdx.x * blocks * G * G + threadIdx.x;
    double sum = 0.0;
    for (int i = 0; i < blocks; i++) sum += from[(size_t)i * G * G];
    mass[blockIdx.x * G * G + threadIdx.x] = sum;
}
