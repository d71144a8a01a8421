// Products by warpgroups on Hopper (wgmma), 64 rows at a time.

#pragma once

#include <stdint.h>

namespace {

// A matrix in shared memory, as wgmma wants it told: 128-byte swizzle, 8 rows every 1,024 bytes;
// `leading` is the distance between blocks of 64 columns where the columns are the outer side.
__device__ __forceinline__ uint64_t matrix(uint32_t at, uint32_t leading) {
    return (uint64_t)((at & 0x3FFFF) >> 4) | (uint64_t)(leading >> 4) << 16 |
           (uint64_t)(1024 >> 4) << 32 | (uint64_t)1 << 62;
}

__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory"); }
__device__ __forceinline__ void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory"); }
template <int LEFT>
__device__ __forceinline__ void wgmma_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;\n" ::"n"(LEFT) : "memory");
}

// Keeps the compiler from moving uses of registers that a product in flight reads or writes.
template <int N>
__device__ __forceinline__ void hold(float (&x)[N][4]) {
#pragma unroll
    for (int i = 0; i < N; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) asm volatile("" : "+f"(x[i][j])::"memory");
}
template <int N>
__device__ __forceinline__ void hold(uint32_t (&x)[N][4]) {
#pragma unroll
    for (int i = 0; i < N; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) asm volatile("" : "+r"(x[i][j])::"memory");
}

#define F4(x, i) "+f"(x[i][0]), "+f"(x[i][1]), "+f"(x[i][2]), "+f"(x[i][3])
#define F32(x, i) F4(x, i), F4(x, i + 1), F4(x, i + 2), F4(x, i + 3), F4(x, i + 4), F4(x, i + 5), F4(x, i + 6), F4(x, i + 7)
#define R32                                                                                      \
    "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, " \
    "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define R64                                                                                     \
    R32 ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "    \
        "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"

// c = a · bᵀ (+ c where `add`), 64 × 128 × 16; both sides lie in shared memory, row by row.
__device__ __forceinline__ void multiply(float (&c)[16][4], uint64_t a, uint64_t b, int add) {
    asm volatile(
        "{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {" R64 "}, %64, %65, p, 1, 1, 0, 0;\n}\n"
        : F32(c, 0), F32(c, 8)
        : "l"(a), "l"(b), "r"(add));
}

// c = a · b (+ c where `add`), a from registers, 64 × 128 × 16.
__device__ __forceinline__ void multiply(float (&c)[16][4], const uint32_t (&a)[4], uint64_t b, int add) {
    asm volatile(
        "{\n.reg .pred p;\nsetp.ne.b32 p, %69, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {" R64
        "}, {%64, %65, %66, %67}, %68, p, 1, 1, 1;\n}\n"
        : F32(c, 0), F32(c, 8)
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add));
}

// The same, 64 × 64 × 16.
__device__ __forceinline__ void multiply(float (&c)[8][4], const uint32_t (&a)[4], uint64_t b, int add) {
    asm volatile(
        "{\n.reg .pred p;\nsetp.ne.b32 p, %37, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {" R32
        "}, {%32, %33, %34, %35}, %36, p, 1, 1, 1;\n}\n"
        : F32(c, 0)
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add));
}

}  // namespace
