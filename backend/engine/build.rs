//! Compiles the CUDA kernels for one compute capability (`CUDA_COMPUTE_CAP`, 90 unless told) when
//! the `cuda` feature is on. Machine code, not PTX: the driver would take seconds to compile that
//! at the first start.

use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(hopper)");
    println!("cargo::rerun-if-changed=kernels");
    println!("cargo::rerun-if-env-changed=CUDA_COMPUTE_CAP");
    if std::env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return;
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let cap = std::env::var("CUDA_COMPUTE_CAP").unwrap_or_else(|_| "90".to_owned());
    // Hopper's own instructions need its own architecture's name.
    let hopper = cap == "90";
    let arch = if hopper { "90a" } else { &cap };
    let mut kernels = vec!["flash", "decode", "rows", "blocks", "products"];
    if hopper {
        println!("cargo::rustc-cfg=hopper");
        kernels.push("flash_hopper");
    }
    for name in kernels {
        let source = format!("kernels/{name}.cu");
        let result = Command::new(nvcc())
            .args(["-cubin", "-O3", "--std=c++17"])
            .arg(format!("-gencode=arch=compute_{arch},code=sm_{arch}"))
            .args([&source, "-o"])
            .arg(out.join(format!("{name}.cubin")))
            .output();
        match result {
            Ok(output) if output.status.success() => {}
            Ok(output) => panic!("{source}: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => panic!("nvcc cannot be started ({error}); cuda/build.sh brings one"),
        }
    }
}

/// The compiler: in the toolkit that CUDA_HOME names, else on the path.
fn nvcc() -> PathBuf {
    let home = std::env::var_os("CUDA_HOME").map(PathBuf::from);
    home.map(|h| h.join("bin/nvcc")).filter(|n| n.exists()).unwrap_or_else(|| "nvcc".into())
}
