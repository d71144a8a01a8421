//! The standing test of a lab among strangers:
//! `siege LAB [--long] [--only NAME] [--soak MINUTES] [-- OPTIONS OF THE LAB]`.
//!
//! Starts labs of its own on loopback and attacks them: load, slow clients, unfairness, kills, bombs
//! and floods. Prints what was tried, survived and lost, and ends with 1 where a promise of
//! `docs/reliability.md` did not hold.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring tool")]

mod besieging;

use std::process::ExitCode;

use besieging::{ATTACKS, Program, Report, Scale, Siege};

const USAGE: &str = "siege LAB [--long] [--only NAME] [--soak MINUTES] [-- OPTIONS OF THE LAB]";

/// The longest soak: eight weeks.
const MOST_MINUTES: u64 = 80_640;

/// The attackers' connections are files of this process.
fn raise_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (mut program, mut only, mut soak) = (None, None, None);
    let (mut scale, mut rest) = (Scale::SHORT, Vec::new());
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--long" => scale = Scale::LONG,
            "--only" => {
                only = args.next().filter(|name| ATTACKS.contains(&name.as_str()));
                if only.is_none() {
                    eprintln!("{USAGE}\nNAME is one of {}", ATTACKS.join(", "));
                    return ExitCode::from(2);
                }
            }
            "--soak" => {
                let minutes = args.next().and_then(|minutes| minutes.parse::<u64>().ok());
                soak = minutes.filter(|minutes| (1..=MOST_MINUTES).contains(minutes));
                if soak.is_none() {
                    eprintln!("{USAGE}\nMINUTES is a whole number from 1 to {MOST_MINUTES}");
                    return ExitCode::from(2);
                }
            }
            "--" => rest.extend(args.by_ref()),
            _ if program.is_none() && !arg.starts_with('-') => program = Some(arg),
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    let Some(program) = program else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    raise_files();
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let siege = Siege { program: Program::new(program, &rest), scale };
    let mut report = Report::default();
    if let Some(minutes) = soak {
        siege.soak(minutes, &mut report).await;
    }
    for attack in ATTACKS.iter().copied().filter(|_| soak.is_none()) {
        if only.as_deref().is_none_or(|only| only == attack) {
            let began = std::time::Instant::now();
            siege.attack(attack, &mut report).await;
            eprintln!("      {attack}: {:.0} s", began.elapsed().as_secs_f64());
        }
    }
    print!("\n{report}");
    if report.promises_broken().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
