//! How much memory this process may still take: what the machine has, its control groups and its
//! limits leave it, or what a person said.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::OnceLock;

use engine::{EngineError, Kernels, LoadOptions, Picture, PictureLimits, Weighed, amount};
use shared::sentence::{EngineRefusal, LabError};
use shared::{ErrorCode, Message, Quant};

use crate::workers::lab::Lab;

/// What a person said the lab may take in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryLimit {
    /// So many bytes.
    Bytes(u64),
    /// Whatever it asks for: nothing is refused.
    Unlimited,
}

static SAID: OnceLock<MemoryLimit> = OnceLock::new();

/// The least that can be said: what the lab takes before it has loaded anything.
const LEAST: u64 = 32 << 20;

impl FromStr for MemoryLimit {
    type Err = String;

    /// `12GiB`, `900 MB`, `4096M` (of 1,024), a number of bytes, or `unlimited`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "unlimited" {
            return Ok(MemoryLimit::Unlimited);
        }
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit: f64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1.0,
            "kb" => 1e3,
            "mb" => 1e6,
            "gb" => 1e9,
            "tb" => 1e12,
            "k" | "kib" => f64::from(1 << 10),
            "m" | "mib" => f64::from(1 << 20),
            "g" | "gib" => f64::from(1 << 30),
            "t" | "tib" => 1024.0 * f64::from(1 << 30),
            _ => 0.0,
        };
        match number.parse::<f64>() {
            Ok(n) if n * unit >= 1.0 && n * unit < LEAST as f64 => Err(format!(
                "{text} is {} bytes, less than the {} that the lab itself takes: write a number and a unit, \
                 such as 12GiB, or unlimited",
                (n * unit) as u64,
                amount(LEAST)
            )),
            Ok(n) if n * unit >= 1.0 && n * unit < 1e18 => {
                Ok(MemoryLimit::Bytes((n * unit) as u64))
            }
            _ => Err(format!(
                "{text} is no amount of memory: write a number and a unit, such as 12GiB, or unlimited"
            )),
        }
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            MemoryLimit::Bytes(bytes) => write!(f, "{bytes}"),
            MemoryLimit::Unlimited => f.write_str("unlimited"),
        }
    }
}

/// What a person said, where one did.
pub(crate) fn said() -> Option<MemoryLimit> {
    SAID.get().copied()
}

impl MemoryLimit {
    /// Makes this the limit of the whole process; the first that is said stands.
    pub fn say(self) {
        if let (MemoryLimit::Bytes(said), Some(found)) = (self, Machine::at("/", None).room())
            && said > found.most
        {
            tracing::warn!(
                "--memory-limit says {}, and this machine and its limits leave {} at most: what is let take \
                 more than that may be killed",
                amount(said),
                amount(found.most)
            );
        }
        let _ = SAID.set(self);
    }
}

/// What bounds the memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryBound {
    /// The machine's own memory.
    Machine,
    /// A limit of a control group: of a container, a service, a job.
    ControlGroup,
    /// A limit of the process (`ulimit -v`, `ulimit -d`).
    Process,
    /// What a person said.
    Said,
}

/// Memory that is left to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryRoom {
    /// Bytes it can take on top of what it has.
    pub free: u64,
    /// Bytes it could have at most if nothing else needed any.
    pub most: u64,
    /// What bounds `free`.
    pub bound: MemoryBound,
}

/// Where it is read how much memory there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    root: PathBuf,
    said: Option<MemoryLimit>,
}

impl Default for Machine {
    fn default() -> Self {
        Machine { root: PathBuf::from("/"), said: said() }
    }
}

impl Machine {
    /// A machine whose `/proc` and `/sys` lie in a folder: tests are told what there is.
    pub fn at(root: impl Into<PathBuf>, said: Option<MemoryLimit>) -> Self {
        Machine { root: root.into(), said }
    }

    /// What is left; `None` where that is not known: outside Linux, unless a person said how much.
    pub fn room(&self) -> Option<MemoryRoom> {
        match self.said {
            Some(MemoryLimit::Unlimited) => {
                Some(MemoryRoom { free: u64::MAX, most: u64::MAX, bound: MemoryBound::Said })
            }
            Some(MemoryLimit::Bytes(most)) => {
                let has = self.status("VmRSS").unwrap_or(0);
                Some(MemoryRoom { free: most.saturating_sub(has), most, bound: MemoryBound::Said })
            }
            None => {
                let all = [self.machine(), self.version2(), self.version1(), self.process()];
                let all: Vec<MemoryRoom> = all.into_iter().flatten().collect();
                let least = *all.iter().min_by_key(|room| room.free)?;
                let most = all.iter().map(|room| room.most).min()?;
                Some(MemoryRoom { most, ..least })
            }
        }
    }

    fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.root.join(path)).ok()
    }

    fn machine(&self) -> Option<MemoryRoom> {
        let info = self.read("proc/meminfo")?;
        let free = field(&info, "MemAvailable")?;
        let most = field(&info, "MemTotal").unwrap_or(free);
        Some(MemoryRoom { free, most, bound: MemoryBound::Machine })
    }

    /// The process's own figure of `/proc/self/status`.
    fn status(&self, name: &str) -> Option<u64> {
        field(&self.read("proc/self/status")?, name)
    }

    /// Limits of address space and data.
    fn process(&self) -> Option<MemoryRoom> {
        let limits = self.read("proc/self/limits")?;
        let limit = |name: &str, used: &str| {
            let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
            let most: u64 = line.split_whitespace().next()?.parse().ok()?;
            let used = self.status(used).unwrap_or(0);
            Some(MemoryRoom { free: most.saturating_sub(used), most, bound: MemoryBound::Process })
        };
        let all = [limit("Max address space", "VmSize"), limit("Max data size", "VmData")];
        all.into_iter().flatten().min_by_key(|room| room.free)
    }

    /// Control groups of version 2, from the process's own up: hard limits, and the soft ones above
    /// which the system slows a group down to nothing.
    fn version2(&self) -> Option<MemoryRoom> {
        let own = self.group(|id, controllers| id == "0" && controllers.is_empty())?;
        let base = ["sys/fs/cgroup", "sys/fs/cgroup/unified"];
        let base = base
            .into_iter()
            .find(|base| self.root.join(base).join("cgroup.controllers").exists())?;
        self.tightest(base, &own, ["memory.max", "memory.high"], |group| {
            let stat = self.read(&format!("{group}/memory.stat"))?;
            let used: u64 = self.read(&format!("{group}/memory.current"))?.trim().parse().ok()?;
            let cache = ["inactive_file", "active_file"];
            Some(used.saturating_sub(cache.iter().filter_map(|name| field(&stat, name)).sum()))
        })
    }

    /// Control groups of version 1.
    fn version1(&self) -> Option<MemoryRoom> {
        let own =
            self.group(|_, controllers| controllers.split(',').any(|name| name == "memory"))?;
        self.tightest("sys/fs/cgroup/memory", &own, ["memory.limit_in_bytes", ""], |group| {
            let stat = self.read(&format!("{group}/memory.stat"))?;
            let used = self.read(&format!("{group}/memory.usage_in_bytes"))?;
            let used: u64 = used.trim().parse().ok()?;
            let cache = ["total_inactive_file", "total_active_file"];
            Some(used.saturating_sub(cache.iter().filter_map(|name| field(&stat, name)).sum()))
        })
    }

    /// The group of `/proc/self/cgroup` whose line is wanted.
    fn group(&self, wanted: impl Fn(&str, &str) -> bool) -> Option<String> {
        let groups = self.read("proc/self/cgroup")?;
        groups.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':');
            let (id, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
            wanted(id, controllers).then(|| path.to_owned())
        })
    }

    /// The limit of a group and of those above it that leaves least. Inside a container a group's
    /// path may be the host's, of which nothing is there but the uppermost.
    fn tightest(
        &self,
        base: &str,
        own: &str,
        limits: [&str; 2],
        used: impl Fn(&str) -> Option<u64>,
    ) -> Option<MemoryRoom> {
        let plain = |part: &&str| !part.is_empty() && *part != "." && *part != "..";
        let parts: Vec<&str> = own.split('/').filter(plain).collect();
        let groups = (0..=parts.len()).map(|n| {
            let above = parts[..n].iter().map(|part| format!("/{part}"));
            format!("{base}{}", above.collect::<String>())
        });
        let rooms = groups.filter_map(|group| {
            let read = |name: &&str| -> Option<u64> {
                self.read(&format!("{group}/{name}"))?.trim().parse().ok()
            };
            // Version 1 writes a number near 2^63 where there is no limit.
            let most = limits.iter().filter_map(read).min().filter(|most| *most < 1 << 60)?;
            let free = most.saturating_sub(used(&group)?);
            Some(MemoryRoom { free, most, bound: MemoryBound::ControlGroup })
        });
        let rooms: Vec<MemoryRoom> = rooms.collect();
        let most = rooms.iter().map(|room| room.most).min()?;
        rooms.into_iter().min_by_key(|room| room.free).map(|room| MemoryRoom { most, ..room })
    }
}

/// A field of the system's tables, `name: 12 kB` or `name 12`, in bytes.
fn field(table: &str, name: &str) -> Option<u64> {
    table.lines().find_map(|line| {
        let rest = line.strip_prefix(name)?;
        let rest = rest.strip_prefix(':').or_else(|| rest.strip_prefix(' '))?;
        let mut words = rest.split_whitespace();
        let number: u64 = words.next()?.parse().ok()?;
        Some(if words.next() == Some("kB") { number * 1024 } else { number })
    })
}

impl MemoryRoom {
    /// Whether so much fits, beside what could be given back.
    pub fn holds(self, need: u64, back: u64) -> bool {
        need <= self.free.saturating_add(back)
    }

    /// What is free, in words that say what bounds it.
    pub(crate) fn free_in_words(self, back: u64) -> Message {
        let free = amount(self.free.saturating_add(back));
        let said = match self.bound {
            MemoryBound::Machine => EngineRefusal::Free { free },
            MemoryBound::ControlGroup => EngineRefusal::FreeOfGroup { free },
            MemoryBound::Process => EngineRefusal::FreeOfProcess { free },
            MemoryBound::Said => EngineRefusal::FreeOfLimit { free },
        };
        said.into()
    }
}

/// Gives memory that was freed back to the system, so that it counts as free there: glibc keeps what
/// lies below something that is still used (a model's smaller weights), and other allocators and
/// systems are left to themselves.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "glibc's own function, which Rust's library does not offer")]
    // SAFETY: takes a number, touches only memory that is free, and may be called on any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// What a model needs to be loaded and asked the shortest question, in bytes of the machine's
/// memory.
///
/// # Errors
/// What is wrong with its files, as far as it shows without its weights.
pub fn need(folder: &Path, quant: Quant) -> Result<u64, EngineError> {
    Ok(Weighed::files(folder, quant, Kernels::here())?.takes())
}

/// The refusal of a model that does not fit: what it needs, what there is (`back` of it once
/// other models are given up), and what would fit.
pub fn refusal(
    folder: &Path,
    options: &LoadOptions,
    need: u64,
    room: MemoryRoom,
    back: u64,
) -> EngineError {
    // From the most exact that would fit to the least.
    let smaller = [Quant::F16, Quant::Q8_0, Quant::Q6k, Quant::Q5k, Quant::Q4k];
    let would = smaller.into_iter().filter(|q| *q != options.quant).find_map(|q| {
        let bytes = self::need(folder, q).ok().filter(|bytes| *bytes < need)?;
        let (quant, bytes) = (q.name().to_owned(), room.holds(bytes, back).then_some(bytes)?);
        Some(EngineRefusal::OtherFits { quant, bytes: amount(bytes) })
    });
    let refusal = EngineRefusal::ModelNoMemory {
        name: options.name.clone(),
        quant: options.quant.name().to_owned(),
        need: amount(need),
        free: room.free_in_words(back),
        would: would.unwrap_or(EngineRefusal::NoneFits).into(),
    };
    EngineError::new(ErrorCode::OutOfMemory, refusal)
}

/// Whether a model fits what is free, and `back` besides: what other models would give back.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`] with what it needs, what there is and what would fit; what is wrong
/// with its files.
pub fn fits(
    lab: &dyn Lab,
    folder: &Path,
    options: &LoadOptions,
    back: u64,
) -> Result<(), EngineError> {
    let Some(room) = lab.room() else { return Ok(()) };
    match lab.need(folder, options)? {
        Some(need) if !room.holds(need, back) => Err(refusal(folder, options, need, room, back)),
        _ => Ok(()),
    }
}

/// Whether a model could ever fit, with everything else gone: what is refused before it waits.
///
/// # Errors
/// As [`fits`].
pub fn could_fit(lab: &dyn Lab, folder: &Path, options: &LoadOptions) -> Result<(), EngineError> {
    let back = lab.room().map_or(0, |room| room.most.saturating_sub(room.free));
    fits(lab, folder, options, back)
}

/// Whether a picture file can be unpacked into the memory that is left.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`] with what it needs and what there is.
pub fn fits_picture(
    file: &[u8],
    limits: &PictureLimits,
    room: impl Fn() -> Option<MemoryRoom>,
) -> Result<(), EngineError> {
    let Some(now) = room() else { return Ok(()) };
    // What is wrong with the file is said when it is decoded.
    let Some(need) = Picture::weigh(file, limits) else { return Ok(()) };
    if now.holds(need, 0) {
        return Ok(());
    }
    // What was freed and is still held back may be enough.
    give_back();
    match room() {
        Some(room) if !room.holds(need, 0) => {
            tracing::warn!(need, free = room.free, bound = ?room.bound, "a picture is not decoded");
            let (need, free) = (amount(need), amount(room.free));
            Err(EngineError::new(ErrorCode::OutOfMemory, LabError::PictureNoMemory { need, free }))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    /// A machine of these files.
    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        let machine = Machine::at(folder.path(), None);
        (folder, machine)
    }

    const MEMINFO: (&str, &str) = (
        "proc/meminfo",
        "MemTotal:       25165824 kB\nMemFree:         1048576 kB\nMemAvailable:   16777216 kB\n",
    );

    #[test]
    fn what_the_machine_has_is_what_is_available() {
        let (_folder, plain) = machine(&[MEMINFO]);
        let room = plain.room().expect("known");
        assert_eq!(
            room,
            MemoryRoom { free: 16 * GIB, most: 24 * GIB, bound: MemoryBound::Machine }
        );
        assert_eq!(machine(&[]).1.room(), None, "no table, no refusal");
    }

    /// The tightest of a group and those above it, whichever file it stands in; what the system
    /// only keeps of files is no use of memory.
    #[test]
    fn control_groups_of_version_2_count_up_to_the_root() {
        let group = |path: &str, max: &str, high: &str, current: u64| {
            [
                (format!("sys/fs/cgroup{path}/memory.max"), format!("{max}\n")),
                (format!("sys/fs/cgroup{path}/memory.high"), format!("{high}\n")),
                (format!("sys/fs/cgroup{path}/memory.current"), format!("{current}\n")),
                (
                    format!("sys/fs/cgroup{path}/memory.stat"),
                    format!(
                        "anon 1\nfile {GIB}\ninactive_file {}\nactive_file {}\n",
                        GIB / 2,
                        GIB / 2
                    ),
                ),
            ]
        };
        let with = |groups: Vec<[(String, String); 4]>| {
            let mut files = vec![
                (MEMINFO.0.to_owned(), MEMINFO.1.to_owned()),
                ("proc/self/cgroup".to_owned(), "0::/lab/run\n".to_owned()),
                ("sys/fs/cgroup/cgroup.controllers".to_owned(), "memory\n".to_owned()),
            ];
            files.extend(groups.into_iter().flatten());
            let files: Vec<(&str, &str)> =
                files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
            machine(&files).1.room().expect("known")
        };
        let eight = (8 * GIB).to_string();
        let room = with(vec![group("/lab/run", &eight, "max", 3 * GIB)]);
        assert_eq!(
            room,
            MemoryRoom { free: 6 * GIB, most: 8 * GIB, bound: MemoryBound::ControlGroup }
        );
        let room = with(vec![
            group("/lab/run", "max", "max", 3 * GIB),
            group("/lab", &eight, "max", 5 * GIB),
        ]);
        assert_eq!((room.free, room.bound), (4 * GIB, MemoryBound::ControlGroup), "of the parent");
        let room = with(vec![group("/lab", &(20 * GIB).to_string(), &eight, 2 * GIB)]);
        assert_eq!(
            (room.free, room.most),
            (7 * GIB, 8 * GIB),
            "above memory.high all stands still"
        );
        let room = with(vec![group("/lab/run", &(64 * GIB).to_string(), "max", GIB)]);
        assert_eq!(
            (room.free, room.bound),
            (16 * GIB, MemoryBound::Machine),
            "a limit beyond the machine"
        );
        // In a container the host's path is not there; the uppermost group is the container's.
        let room = with(vec![group("", &eight, "max", 2 * GIB)]);
        assert_eq!(room.free, 7 * GIB);
    }

    #[test]
    fn control_groups_of_version_1_count_too() {
        let stat = format!("total_inactive_file {GIB}\ntotal_active_file 0\n");
        let (four, used) = ((4 * GIB).to_string(), (2 * GIB).to_string());
        let files = [
            MEMINFO,
            ("proc/self/cgroup", "5:devices:/\n4:cpu,memory:/docker/abc\n0::/\n"),
            ("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "1\n"),
            ("sys/fs/cgroup/memory/docker/abc/memory.stat", &stat),
            ("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", &four),
            ("sys/fs/cgroup/memory/docker/memory.usage_in_bytes", &used),
            ("sys/fs/cgroup/memory/docker/memory.stat", &stat),
        ];
        let room = machine(&files).1.room().expect("known");
        assert_eq!(
            room,
            MemoryRoom { free: 3 * GIB, most: 4 * GIB, bound: MemoryBound::ControlGroup }
        );
    }

    #[test]
    fn limits_of_the_process_count() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
             Max data size             unlimited            unlimited            bytes     \n\
             Max address space         2147483648           unlimited            bytes     \n";
        let files = [
            MEMINFO,
            ("proc/self/limits", limits),
            ("proc/self/status", "VmSize:\t 1048576 kB\nVmRSS:\t  524288 kB\n"),
        ];
        let (folder, of_process) = machine(&files);
        let room = of_process.room().expect("known");
        assert_eq!(room, MemoryRoom { free: GIB, most: 2 * GIB, bound: MemoryBound::Process });
        // What a person says takes the place of everything found.
        let said = Machine::at(folder.path(), Some("3GiB".parse().expect("an amount")));
        let room = said.room().expect("known");
        assert_eq!((room.free, room.bound), (5 * GIB / 2, MemoryBound::Said));
        let unlimited = Machine::at(folder.path(), Some(MemoryLimit::Unlimited)).room();
        assert!(unlimited.expect("said").holds(u64::MAX, u64::MAX));
    }

    #[test]
    fn amounts_are_read_with_their_units() {
        for (text, bytes) in [
            ("12GiB", 12 * GIB),
            ("1.5g", 3 * GIB / 2),
            ("900 MB", 900_000_000),
            ("4096M", 4 * GIB),
            ("2147483648", 2 * GIB),
            ("32MiB", LEAST),
        ] {
            assert_eq!(text.parse(), Ok(MemoryLimit::Bytes(bytes)), "{text}");
        }
        assert_eq!("unlimited".parse(), Ok(MemoryLimit::Unlimited));
        for text in ["", "0", "GiB", "12 apples", "-1GiB", "nan", "1e9", "1..5g", "9999999TiB"] {
            let error = text.parse::<MemoryLimit>().expect_err(text);
            assert!(error.contains("no amount") && error.contains("12GiB"), "{error}");
        }
        for (text, bytes) in [("10", "10 bytes"), ("12", "12 bytes"), ("31.9MiB", "33449574 bytes")]
        {
            let error = text.parse::<MemoryLimit>().expect_err(text);
            assert!(error.contains(bytes) && error.contains("less than the 32 MiB"), "{error}");
        }
        assert_eq!(
            (amount(36 << 20), amount(10 * GIB + GIB / 5)),
            ("36 MiB".into(), "10.2 GiB".into())
        );
    }
}
