//! Readers of files and of messages, tried on damaged copies of a small corpus.
//!
//! A plain loop on stable Rust, without the compiler's help: an input is one of the corpus, damaged in
//! one to four places. The same seed gives the same inputs. How much is tried:
//!
//! - `FUZZ_INPUTS=1000000`: so many inputs to each reader, within an hour;
//! - `FUZZ_SECONDS=60`: as many as so many seconds allow; with both, whichever ends first;
//! - `FUZZ_SEED=2`: other inputs;
//! - `FUZZ_FIRST=44463`: the inputs before that one are drawn and not tried.
//!
//! Without any of them a reader gets 2,000 inputs, or as many as two seconds allow.
#![allow(dead_code, reason = "each crate's tests use their part")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test, which is what it is for")]
#![allow(clippy::print_stdout, reason = "how much was tried")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest input that a damage makes of one of the corpus.
const LONGEST: usize = 1 << 16;
/// No input may keep a reader at work for longer, on a machine that is busy with other tests too.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most memory of the whole process.
const MEMORY: u64 = 1 << 30;

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Inputs.
    pub inputs: u64,
    /// Time.
    pub time: Duration,
    /// What the damages are drawn from.
    pub seed: u64,
    /// The first input that is tried.
    pub first: u64,
}

impl Bounds {
    /// As the environment says.
    pub fn asked() -> Bounds {
        let number = |name: &str| -> Option<u64> {
            std::env::var(name).ok().map(|text| text.parse().expect(name))
        };
        let (inputs, seconds) = (number("FUZZ_INPUTS"), number("FUZZ_SECONDS"));
        Bounds {
            inputs: inputs.unwrap_or(if seconds.is_some() { u64::MAX } else { 2_000 }),
            time: Duration::from_secs(seconds.unwrap_or(if inputs.is_some() { 3_600 } else { 2 })),
            seed: number("FUZZ_SEED").unwrap_or(1),
            first: number("FUZZ_FIRST").unwrap_or(0),
        }
    }
}

/// Draws numbers: xorshift, for a test needs no better.
pub struct Draw(u64);

impl Draw {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Draw {
        Draw(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }
}

/// Numbers that readers stumble over: borders of types, sizes that no machine has.
const BORDERS: [u64; 14] = [
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x00FF_FFFF,
    0x7FFF_FFFF,
    0xFFFF_FFFF,
    1 << 40,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// Damages a copy of one of the corpus in one to four places.
pub fn damaged(corpus: &[Vec<u8>], words: &[&[u8]], draw: &mut Draw, into: &mut Vec<u8>) {
    into.clear();
    into.extend_from_slice(&corpus[draw.below(corpus.len())]);
    for _ in 0..=draw.below(4) {
        damage(corpus, words, draw, into);
    }
    into.truncate(LONGEST);
}

fn damage(corpus: &[Vec<u8>], words: &[&[u8]], draw: &mut Draw, bytes: &mut Vec<u8>) {
    let at = draw.below(bytes.len() + 1);
    let span = |draw: &mut Draw, most: usize| {
        let from = draw.below(most + 1);
        from..(from + draw.below(64)).min(most)
    };
    match draw.below(10) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << draw.below(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = draw.next() as u8;
            }
        }
        // A number, little or big end first.
        2 => {
            let border = BORDERS[draw.below(BORDERS.len())].wrapping_add(draw.below(3) as u64);
            let width = [1, 2, 4, 8][draw.below(4)];
            let (little, big) = (border.to_le_bytes(), border.to_be_bytes());
            let new = if draw.below(2) == 0 { &little[..width] } else { &big[8 - width..] };
            let end = (at + width).min(bytes.len());
            bytes[at..end].copy_from_slice(&new[..end - at]);
        }
        // A number as text.
        3 => {
            let border = BORDERS[draw.below(BORDERS.len())].to_string();
            bytes.splice(at..at, border.into_bytes());
        }
        4 => {
            let gone = span(draw, bytes.len());
            bytes.drain(gone);
        }
        5 => {
            let again = bytes[span(draw, bytes.len())].to_vec();
            let again = again.repeat(1 + draw.below(8));
            bytes.splice(at..at, again);
        }
        6 => bytes.truncate(at),
        // The rest of another.
        7 => {
            let other = &corpus[draw.below(corpus.len())];
            let from = draw.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        8 if !words.is_empty() => {
            let word = words[draw.below(words.len())];
            bytes.splice(at..at, word.iter().copied());
        }
        _ => {
            let noise: Vec<u8> = (0..draw.below(12)).map(|_| draw.next() as u8).collect();
            let end = (at + noise.len()).min(bytes.len());
            bytes.splice(at..end, noise);
        }
    }
}

/// The files of a folder, in the order of their names.
pub fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let files: Vec<_> =
        paths.iter().filter(|p| p.is_file()).map(|p| std::fs::read(p).unwrap()).collect();
    assert!(!files.is_empty(), "{} holds nothing", folder.display());
    files
}

/// The corpus of a reader, `tests/fuzz/corpus/NAME`.
pub fn corpus(name: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root
        .ancestors()
        .map(|up| up.join("tests/fuzz/corpus").join(name))
        .find(|folder| folder.is_dir());
    files(&folder.expect(name))
}

/// While it lives, panics of this thread are not told: readers catch those of the crates they use, and
/// a million stack traces help nobody.
struct Quiet;

impl Quiet {
    fn here() -> Quiet {
        let here = std::thread::current().id();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().id() != here {
                before(panic);
            }
        }));
        Quiet
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::panic::take_hook();
        }
    }
}

/// Tries a reader until the bounds are reached. `read` says whether it made something of the bytes; it
/// must refuse the rest without a panic, without gigabytes and in good time.
pub fn each(name: &str, corpus: &[Vec<u8>], words: &[&[u8]], mut read: impl FnMut(&[u8]) -> bool) {
    assert!(corpus.iter().filter(|whole| read(whole)).count() > 0, "{name}: nothing whole is read");
    let bounds = Bounds::asked();
    let _quiet = Quiet::here();
    let (mut draw, mut bytes) = (Draw::new(bounds.seed), Vec::new());
    let (mut tried, mut good, mut slowest) = (0_u64, 0_u64, Duration::ZERO);
    for _ in 0..bounds.first {
        damaged(corpus, words, &mut draw, &mut bytes);
    }
    let began = Instant::now();
    let mut now = began;
    while tried < bounds.inputs && now - began < bounds.time {
        damaged(corpus, words, &mut draw, &mut bytes);
        match catch_unwind(AssertUnwindSafe(|| read(&bytes))) {
            Ok(read) => good += u64::from(read),
            Err(panic) => {
                let (seed, kept) = (bounds.seed, keep(name, tried, &bytes));
                let why = panic.downcast_ref::<String>().map(String::as_str);
                let why = why.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
                println!("fuzz {name}: input {tried} of seed {seed} lies in {kept}: {why}");
                resume_unwind(panic);
            }
        }
        tried += 1;
        let then = std::mem::replace(&mut now, Instant::now());
        slowest = slowest.max(now - then);
        if slowest >= PATIENCE {
            let kept = keep(name, tried - 1, &bytes);
            println!("fuzz {name}: input {tried} of seed {} took {slowest:?}: {kept}", bounds.seed);
            panic!("{name}: input {tried} took {slowest:?}");
        }
    }
    report(name, tried, good, now - began, slowest);
    assert!(good > 0 || tried < 1_000, "{name}: everything is refused");
}

/// Keeps an input that a reader failed at; gives where.
fn keep(name: &str, tried: u64, bytes: &[u8]) -> String {
    let kept = std::env::temp_dir().join(format!("fuzz-{name}-{tried}"));
    std::fs::write(&kept, bytes).unwrap();
    kept.display().to_string()
}

/// Prints what was reached, and checks what it took of memory.
pub fn report(name: &str, tried: u64, good: u64, took: Duration, slowest: Duration) {
    let each_second = tried as f64 / took.as_secs_f64().max(1e-6);
    let (seconds, slowest) = (took.as_secs_f64(), slowest.as_secs_f64() * 1e3);
    println!(
        "fuzz {name}: {tried} inputs in {seconds:.1} s, {each_second:.0} a second, {good} read"
    );
    if slowest > 0.0 {
        println!("fuzz {name}: the slowest took {slowest:.1} ms");
    }
    assert!(tried > 0);
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        let kib: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(kib < MEMORY >> 10, "{name}: {kib} KiB at the peak");
    }
}
