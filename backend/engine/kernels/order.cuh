// Kernels that may begin before the one launched before them has ended (programmatic dependent launch, which
// cuda/device.rs asks for on compute capability 9.0): what they do before `begin` must not touch anything that
// another kernel writes.

#pragma once

// Waits until everything launched before has ended and what it wrote can be read, then lets the kernel after this
// one take its place on the device and get ready. Every thread calls this, before it returns.
__device__ __forceinline__ void begin() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}
