//! Every test of the engine that goes through its doors, as one program: each program of its own would
//! link the engine once more, which is most of what building the tests takes.
#![allow(missing_docs, reason = "tests")]

mod common;
#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;

mod audio;
mod broken_gguf;
mod broken_models;
mod broken_settings;
mod cache;
mod chat;
mod film;
mod fuzz_models;
mod gguf;
mod goldens;
mod heads;
mod in_korean;
mod in_memory;
mod interleave;
mod internvl;
mod interventions;
mod levers;
mod onevision;
mod picture_files;
mod picture_memory;
mod pictures;
mod qwen2;
mod qwen3;
mod sampling;
mod second_oracle;
mod settings;
mod several;
mod smolvlm;
mod smolvlm_gguf;

/// A file that is not named above would never run.
#[test]
fn every_file_of_tests_is_part_of_this_program() {
    let here = include_str!("main.rs");
    let files =
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")).expect("it is there");
    for file in files {
        let name = file.expect("it can be read").file_name().into_string().expect("it is text");
        let Some(module) = name.strip_suffix(".rs").filter(|name| *name != "main") else {
            continue;
        };
        assert!(
            here.contains(&format!("\nmod {module};\n")),
            "tests/main.rs lacks 'mod {module};'"
        );
    }
}
