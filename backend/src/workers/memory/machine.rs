//! How much memory is left to this process: read from the machine, its control groups and the process's limits.

use std::path::PathBuf;

use engine::amount;
use shared::Message;
use shared::sentence::EngineRefusal;

use super::limit::{MemoryLimit, said};

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

#[cfg(test)]
mod tests;
