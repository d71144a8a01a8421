#!/usr/bin/env bash
# Builds the lab with CUDA on a machine that need not have a CUDA toolkit, a driver or a GPU.
#
#   cuda/build.sh [CAP] [CARGO ARGUMENTS…]      CAP: compute capability, 90 unless told (Hopper)
#
# The compiler comes from PyPI (NVIDIA's own wheels, pinned below); the libraries that only a
# machine with a driver has are replaced, for linking alone, by stubs that carry the symbol names
# candle's bindings look up. The result needs libcuda.so.1 (the driver), libcublas.so.13 and
# libcurand.so.10 when it starts: PyTorch's nvidia/cu13/lib folder has the latter two.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cap=90
if [[ ${1:-} =~ ^[0-9]+$ ]]; then cap=$1; shift; fi
[ $# -gt 0 ] || set -- build --package langoverrule --features cuda
kit=${CUDA_KIT:-$PWD/.tools/cuda}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target/cuda}

if ! command -v nvcc >/dev/null 2>&1 || [ -n "${CUDA_KIT:-}" ]; then
  # 1. The compiler.
  if [ ! -x "$kit/v/bin/python" ] || ! ls "$kit"/v/lib/python3*/site-packages/nvidia/cu13/bin/nvcc >/dev/null 2>&1; then
    echo "      installing nvcc 13.0 into $kit" >&2
    python3 -m venv "$kit/v"
    "$kit/v/bin/pip" install --quiet --no-deps nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 \
      nvidia-cuda-crt==13.0.88 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85 >&2
  fi
  wheels=$(echo "$kit"/v/lib/python3*/site-packages/nvidia/cu13)
  # 2. Stubs to link against, under the real names.
  cargo fetch --quiet
  bindings=$(ls -d "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/cudarc-0.19.10/src | head -1)
  lib=$kit/cuda/lib64
  mkdir -p "$lib"
  stub() {
    [ -e "$lib/lib$1.so" ] && return
    grep -oE 'load::<_F>\("[A-Za-z0-9_]+"\)' "$bindings/$3/sys/mod.rs" |
      sed -E 's/.*"(.*)".*/void \1(void){}/' | sort -u >"$lib/$1.c"
    gcc -shared -fPIC -nostdlib -w -Wl,-soname,"$2" -o "$lib/lib$1.so" "$lib/$1.c"
    rm "$lib/$1.c"
  }
  stub cuda libcuda.so.1 driver
  stub cublas libcublas.so.13 cublas
  stub cublasLt libcublasLt.so.13 cublaslt
  stub curand libcurand.so.10 curand
  stub nvrtc libnvrtc.so.13 nvrtc
  # The CUDA runtime goes in statically.
  echo "INPUT($wheels/lib/libcudart_static.a)" >"$lib/libcudart.so"
  export PATH=$wheels/bin:$PATH CUDA_HOME=$kit/cuda
fi
# 3. The build.
export CUDA_COMPUTE_CAP=$cap CUDAFORGE_THREADS=${CUDAFORGE_THREADS:-$(nproc)}
exec cargo "$@"
