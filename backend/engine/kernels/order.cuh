// Kernels that may begin before the one launched before them has ended (programmatic dependent launch, from
// compute capability 9.0 on): what they do before `begin` must not touch anything that another kernel writes.

#pragma once

// The kernel after this one may take its place on the device and get ready.
__device__ __forceinline__ void let_next_begin() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// Waits until everything launched before has ended and what it wrote can be read. Every thread calls this.
__device__ __forceinline__ void begin() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
    let_next_begin();
}
