//! Chores of the workspace, written in Rust so that they need no tool beyond the toolchain.
//!
//! `cargo xtask page` builds the page: see [`page`]; `cargo xtask licences` writes the licence texts
//! of a release: see [`licences`].

mod api_page;
mod index;
mod licences;
mod page;
mod trunk;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask page [--dev]
       cargo xtask licences FILE

  page         build the page into the folder that Trunk.toml names
    --dev      faster to build, larger to load
  licences     write the licence texts of everything that a release is built from";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["page"] => page::build(page::Mode::Release),
        ["page", "--dev"] => page::build(page::Mode::Dev),
        ["licences", file] => licences::write(std::path::Path::new(file)),
        ["help" | "--help" | "-h"] => {
            say(USAGE);
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints one line of result.
#[allow(clippy::print_stdout, reason = "a chore reports on standard output")]
fn say(line: &str) {
    println!("{line}");
}
