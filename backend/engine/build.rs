//! Compiles the CUDA kernels for one compute capability (`CUDA_COMPUTE_CAP`, 90 unless told) when
//! the `cuda` feature is on. Machine code, not PTX: the driver would take seconds to compile that
//! at the first start.

use std::path::PathBuf;
use std::process::Command;

#[path = "src/attention/bins.rs"]
mod bins;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(hopper)");
    println!("cargo::rerun-if-changed=kernels");
    println!("cargo::rerun-if-changed=src/attention/bins.rs");
    println!("cargo::rerun-if-env-changed=CUDA_COMPUTE_CAP");
    if std::env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return;
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let cap = std::env::var("CUDA_COMPUTE_CAP").unwrap_or_else(|_| "90".to_owned());
    // Hopper's own instructions need its own architecture's name.
    let hopper = cap == "90";
    let arch = if hopper { "90a" } else { &cap };
    // Each that knows bins is compiled for few of them and, under another name, for many.
    let mut kernels = vec!["blocks", "products"];
    let mut of_bins = vec!["flash", "decode", "rows"];
    if hopper {
        println!("cargo::rustc-cfg=hopper");
        of_bins.push("flash_hopper");
    }
    let header = format!(
        "// Written by build.rs from src/attention/bins.rs.\n#pragma once\n\n\
         #ifdef MANY_BINS\nconstexpr int G = {};\n#else\nconstexpr int G = {};\n#endif\n",
        bins::MANY,
        bins::FEW
    );
    std::fs::write(out.join("bins.h"), header).expect("OUT_DIR can be written to");
    kernels.extend(&of_bins);
    let few = kernels.into_iter().map(|name| (name, ""));
    let many = of_bins.into_iter().map(|name| (name, "_many"));
    for (name, suffix) in few.chain(many) {
        let source = format!("kernels/{name}.cu");
        let result = Command::new(nvcc())
            .args(["-cubin", "-O3", "--std=c++17"])
            .args((!suffix.is_empty()).then_some("-DMANY_BINS"))
            .arg("-I")
            .arg(&out)
            .arg(format!("-gencode=arch=compute_{arch},code=sm_{arch}"))
            .args([&source, "-o"])
            .arg(out.join(format!("{name}{suffix}.cubin")))
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
