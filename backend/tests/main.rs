//! Every test of the lab that goes through its doors, as one program: each program of its own would
//! link the lab once more, which is most of what building the tests takes.
#![allow(missing_docs, reason = "tests")]

mod common;
#[path = "common/hub.rs"]
mod fake;
#[path = "../../tests/fuzz/mod.rs"]
mod fuzz;

mod access;
mod api_lines;
mod at_rest;
mod audio;
mod backup;
mod bad_input;
mod classroom;
mod connections;
mod contract;
mod datasets_hub;
mod deaths;
mod deploy;
mod devices;
mod drawn;
mod events;
mod experiment;
mod experiments;
mod fairness;
mod film;
mod full_disk;
mod fuzz_wire;
mod gguf;
mod heads;
mod health;
mod hub;
mod interventions;
mod keeping;
mod lessons;
mod listing;
mod memory;
mod names;
mod options;
mod processors;
mod program;
mod pulls;
mod queue;
mod real_model;
mod refused;
mod repeat;
mod retention;
mod rooms;
mod routes;
mod runs;
mod several;
mod siege;
mod stops;
mod workers;

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
