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
    assert_eq!(room, MemoryRoom { free: 16 * GIB, most: 24 * GIB, bound: MemoryBound::Machine });
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
                format!("anon 1\nfile {GIB}\ninactive_file {}\nactive_file {}\n", GIB / 2, GIB / 2),
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
    assert_eq!(room, MemoryRoom { free: 6 * GIB, most: 8 * GIB, bound: MemoryBound::ControlGroup });
    let room =
        with(vec![group("/lab/run", "max", "max", 3 * GIB), group("/lab", &eight, "max", 5 * GIB)]);
    assert_eq!((room.free, room.bound), (4 * GIB, MemoryBound::ControlGroup), "of the parent");
    let room = with(vec![group("/lab", &(20 * GIB).to_string(), &eight, 2 * GIB)]);
    assert_eq!((room.free, room.most), (7 * GIB, 8 * GIB), "above memory.high all stands still");
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
    assert_eq!(room, MemoryRoom { free: 3 * GIB, most: 4 * GIB, bound: MemoryBound::ControlGroup });
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
