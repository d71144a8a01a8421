//! What a person asks of the program that can never work is refused at once, in a sentence that says
//! what would; `cli::values` tests the values that are refused where they are read.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A folder with a picture, a text, and room for whatever a command leaves.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("p.png"), crate::common::png(8, 8)).unwrap();
        std::fs::write(folder.path().join("t.txt"), "no picture").unwrap();
        Place(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// What a command line is refused with, and that it left nothing.
    fn refuses(&self, line: &str) -> String {
        let before = self.files();
        let output = Command::new(env!("CARGO_BIN_EXE_langoverrule"))
            .args(line.split_whitespace())
            .current_dir(self.path())
            .env("RUST_LOG", "error")
            .env("HOME", self.path())
            .env("XDG_CACHE_HOME", self.path().join("caches"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{line} is taken");
        assert!(!said.contains("panicked"), "{line}: {said}");
        assert_eq!(self.files(), before, "{line} left something");
        said
    }

    fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.path()).unwrap().flatten();
        let mut names: Vec<String> =
            files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// Options that are wrong by themselves or contradict each other, and a part of what is said of them.
const REFUSED: &[(&str, &[&str], &str)] = &[
    (
        "serve --scripted --bind 127.0.0.1:0",
        &["--origin https://*.school", "--origin https://lab.*"],
        "an --origin of its own",
    ),
    (
        "serve --scripted --bind 127.0.0.1:0",
        &["--trusted-proxy 0.0.0.0/0", "--trusted-proxy ::/0", "--trusted-proxy 127.0.0.1/1"],
        "would have everybody in it believed",
    ),
    (
        "serve --scripted --bind 127.0.0.1:0",
        &["--keep 99999999999y", "--keep 30d --keep-named 99999999999y"],
        "the longest time to keep things is 100y",
    ),
    (
        "serve --scripted --bind 127.0.0.1:0",
        &["--keep 30d --keep-named 1d"],
        "--keep-named 1day is shorter than --keep 30days",
    ),
    ("serve --scripted --bind 127.0.0.1:0", &["--keep-named 30d"], "--keep <TIME>"),
    (
        "serve --scripted --bind 127.0.0.1:0",
        &["--memory-limit 10", "--memory-limit 10MB"],
        "less than the 32 MiB that the lab itself takes",
    ),
    (
        "serve --scripted --bind 127.0.0.1:0",
        &["--per-client runs=40", "--in-all runs=6 --per-client runs=7"],
        "that there are in all: raise those with --in-all runs=",
    ),
    (
        "serve --scripted --bind 127.0.0.1:0",
        &["--queue 9 --in-all runs=9"],
        "--queue and --in-all runs=… are the same",
    ),
    (
        "serve --scripted --bind 127.0.0.1:0",
        &["--per-client runs=3 --per-client runs=4"],
        "--per-client says twice how many runs",
    ),
    (
        "serve --scripted --bind 127.0.0.1:0",
        &["--in-all classes=3 --in-all classes=4"],
        "--in-all says twice how many classes",
    ),
    ("serve --scripted --bind 127.0.0.1:0", &["--in-all disk=3"], "use --per-client disk=3"),
    ("serve --scripted --bind 127.0.0.1:0", &["--connections 1000000"], "that can be served here"),
    ("serve --scripted", &["--bind 192.0.2.1:8080"], "is no address of this machine"),
    ("serve --scripted", &["--bind 127.0.0.1", "--bind *:8080"], "0.0.0.0:8080"),
    (
        "serve --bind 127.0.0.1:0",
        &["--models nowhere", "--models t.txt"],
        "there is no folder of models",
    ),
    ("serve --bind 127.0.0.1:0", &["--device tpu", "--device cpu,cpu", "--device *"], "device"),
    (
        "analyze --prompt x --image p.png",
        &["--record a --record-heads a", "--plot a.svg --plot card=./a.svg"],
        "is written by another option too",
    ),
    (
        "analyze --prompt x --image p.png",
        &["--plot p.png", "--record ./p.png", "--prepared p.png"],
        "is read too: name another file",
    ),
    (
        "analyze --prompt x --image p.png",
        &["--record nowhere/a.json", "--dump-attention nowhere/a", "--prepared nowhere/a.png"],
        "there is no folder nowhere",
    ),
    (
        "analyze --prompt x --image p.png",
        &["--record .", "--prepared ./"],
        "is a folder: name a file",
    ),
    ("analyze --prompt x --image p.png", &["--theme loud --plot a.svg"], "There is no theme"),
    ("analyze --prompt x --image p.png", &["--theme dark"], "--plot"),
    ("analyze --prompt x --image p.png", &["--map-budget-mib 9"], "--dump-attention"),
    (
        "analyze --prompt x --image p.png",
        &["--picture none --prepared a.png"],
        "leave one of them out",
    ),
    ("analyze --prompt x", &["--image t.txt"], "picture_unreadable"),
    ("analyze --prompt x", &["--image .", "--image nowhere.png"], "cannot be read"),
    ("analyze --prompt x", &["--image /dev/zero"], "is larger than 256 MiB"),
    ("experiment", &["--out t.txt", "--out t.txt/below"], "t.txt is a file"),
    ("experiment", &["--replicate 0", "--replicate 65", "--replicate 1,,2"], "from 1 to 64"),
    (
        "experiment",
        &["--floors --picture none", "--random-prune 1 --prune-by score"],
        "cannot be used with",
    ),
    (
        "experiment",
        &["--resume last1 --prune 0.5", "--resume abcd --title x"],
        "leave out what is asked for",
    ),
    ("experiment", &["--real", "--paper llava --model demo-llava"], "--paper"),
    (
        "experiments",
        &["pause x", "resume last", "cancel x", "delete x", "export x"],
        "there is no folder data",
    ),
    ("experiments --data nowhere", &["pause x"], "error:"),
    ("bench", &["--shape huge"], "there are llava-1.5-7b, llava-1.5-13b, llava-10m"),
    (
        "bench --device cpu --memory-limit 1GiB",
        &["--shape llava-1.5-7b", "--samples 10 --shape qwen2.5-vl-7b"],
        "--memory-limit leaves",
    ),
    ("bench", &["--by-head --observe off"], "leave one of them out"),
    ("bench", &["--memory 0,171"], "write it alone"),
    (
        "bench",
        &["--samples 10 --runner 10", "--runner 10 --json", "--samples 10 --json"],
        "cannot be used with",
    ),
    (
        "health",
        &["--url *", "--url localhost:8080", "--url https://*.school"],
        "write it as http://",
    ),
    ("health", &["--insecure", "--ca-file t.txt"], "asked without TLS"),
    (
        "health --url https://127.0.0.1:9",
        &["--ca-file t.txt", "--ca-file p.png"],
        "holds no certificate",
    ),
    ("health --url https://127.0.0.1:9", &["--ca-file nowhere"], "cannot be read"),
    ("models check", &["nothing", "./nowhere"], "there is no"),
    ("models pull", &["nothing"], "there is no model named"),
    ("models pull", &["*/*", "a/b/c"], "is no repository"),
    ("datasets pull", &["nothing", "*"], "there is no dataset named"),
    ("backup", &["copy --data nowhere"], "nowhere"),
    ("restore", &["nowhere"], "nowhere"),
    ("serve worker", &[""], "unexpected argument"),
];

#[test]
fn what_can_never_work_is_refused_in_a_sentence() {
    let place = Place::new();
    let mut wrong = Vec::new();
    for (command, options, part) in REFUSED {
        for options in *options {
            let line = format!("{command} {options}");
            let said = place.refuses(&line);
            if !said.contains(part) {
                wrong.push(format!("{line}: {said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
