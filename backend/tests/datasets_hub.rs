//! Datasets from a server that speaks the hub's routes: pulled, continued, checked, and read.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::fake::{COMMIT, DATASET, FakeHub, Faults, sha256};
use datasets::{Dataset, Hub as _, OpenError, PUBLISHED, Paths, Published};
use langoverrule::experiments::Shelves;
use langoverrule::models::hub::{
    Hub, HubError, Kind, Progress, Pulled, Repository, Wanted, published,
};
use shared::ErrorCode;
use shared::experiment::Verdict;
use tempfile::TempDir;

const FIRST: &str = "vision/test-00000-of-00002.parquet";
const SECOND: &str = "vision/test-00001-of-00002.parquet";
const STANDARD: &str = "standard (10 options)/test-00000-of-00001.parquet";

fn home() -> TempDir {
    TempDir::new().unwrap()
}

fn wanted(name: &str) -> (Repository, Wanted) {
    published(Published::find(name).unwrap()).unwrap()
}

fn pull(hub: &Hub, name: &str) -> Result<Pulled, HubError> {
    let (repository, wanted) = wanted(name);
    hub.pull(&repository, &wanted, &mut |_| ControlFlow::Continue(()))
}

fn local(hub: &Hub, name: &str) -> Option<PathBuf> {
    let (repository, wanted) = wanted(name);
    hub.local(&repository, &wanted)
}

/// Opens a dataset as experiments do, allowed no path of its own.
fn open(hub: &Hub, name: &str) -> Result<Box<dyn Dataset>, OpenError> {
    let shelves = Shelves::new(Paths::Nowhere, Some(hub.clone()));
    datasets::open(name, &shelves.places())
}

fn cache(home: &TempDir) -> PathBuf {
    home.path().join("hub/datasets--MMMU--MMMU_Pro")
}

fn own_picture(number: u64) -> Vec<u8> {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/demo/images");
    std::fs::read(images.join(format!("{:04}.png", 380 + number))).unwrap()
}

#[test]
fn the_published_names_are_repositories() {
    for dataset in &PUBLISHED {
        let (repository, wanted) = published(dataset).unwrap();
        assert_eq!((repository.kind, repository.id.as_str()), (Kind::Dataset, DATASET));
        assert!(matches!(wanted, Wanted::Folder { extension, .. } if extension == "parquet"));
    }
}

#[test]
fn a_dataset_is_pulled_and_read_row_by_row() {
    let (server, home) = (FakeHub::with_dataset(), home());
    let hub = server.client(&home);
    let absent = open(&hub, "mmmu-pro").err().unwrap();
    assert_eq!(absent.code(), ErrorCode::UnknownDataset);
    let said = absent.to_string();
    assert!(said.contains("1.52 GiB") && said.contains("`langoverrule datasets pull mmmu-pro`"));
    assert!(server.asked().is_empty(), "a name alone asks nobody");

    let mut seen: Vec<Progress> = Vec::new();
    let (repository, wanted) = wanted("mmmu-pro");
    let pulled = hub.pull(&repository, &wanted, &mut |p| {
        seen.push(p.clone());
        ControlFlow::Continue(())
    });
    let pulled = pulled.unwrap();
    let snapshot = cache(&home).join("snapshots").join(COMMIT);
    assert_eq!((&pulled.folder, &pulled.unasked), (&snapshot, &None));
    let total: usize = [FIRST, SECOND].iter().map(|name| server.file(name).len()).sum();
    assert_eq!(pulled.fetched, total as u64, "the folder's parquet files and no others");
    let last = seen.last().unwrap();
    assert_eq!((last.done, last.total), (total as u64, total as u64));
    for name in [FIRST, SECOND] {
        let blob = format!("../../../blobs/{}", sha256(&server.file(name)));
        assert_eq!(std::fs::read_link(snapshot.join(name)).unwrap(), Path::new(&blob));
    }
    for name in ["README.md", "vision/notes.txt", STANDARD] {
        assert!(!snapshot.join(name).exists(), "{name}");
    }
    assert_eq!(std::fs::read_to_string(cache(&home).join("refs/main")).unwrap(), COMMIT);

    server.asked();
    let set = open(&hub, "mmmu-pro").unwrap();
    let info = set.info();
    assert_eq!((info.rows, info.revision.as_str()), (19, COMMIT));
    for row in (0..19).chain([11, 12, 3]) {
        let sample = set.sample(row).unwrap();
        assert_eq!(sample.reference.id, format!("test_Art_{row}"), "shards follow one another");
        assert_eq!(sample.picture, own_picture(row));
        // A shard's answers begin anew with A or B by the row's number.
        let right = if row % 2 == 0 { "a dog" } else { "isn't" };
        assert_eq!(sample.expected.unwrap().judge(right), Verdict::Right, "{row}");
    }
    assert!(server.asked().is_empty(), "reading asks nobody");
    assert_eq!(pull(&hub, "mmmu-pro").unwrap().fetched, 0);
    assert!(open(&hub, "mmmu-pro:standard-10").is_err(), "another configuration is not here");
}

#[test]
fn names_with_spaces_and_parentheses_are_escaped_in_addresses_only() {
    for bare in [false, true] {
        let (server, home) = (FakeHub::with_dataset(), home());
        // Mirrors that list no sizes are asked for each file, at the same address.
        server.set(Faults { bare, ..Faults::default() });
        let hub = server.client(&home);
        let pulled = pull(&hub, "mmmu-pro:standard-10").unwrap();
        let address = format!(
            "/datasets/{DATASET}/resolve/{COMMIT}/standard%20%2810%20options%29/\
             test-00000-of-00001.parquet"
        );
        let asked = server.asked();
        let (files, listing): (Vec<_>, Vec<_>) =
            asked.iter().filter(|a| !a.path.starts_with("/cdn")).partition(|a| a.path == address);
        assert_eq!(files.len(), 1 + usize::from(bare), "{asked:?}");
        assert_eq!(listing.len(), 1, "{asked:?}");
        assert_eq!(listing[0].path, format!("/api/datasets/{DATASET}/revision/main"));
        assert_eq!(std::fs::read(pulled.folder.join(STANDARD)).unwrap(), server.file(STANDARD));
        let set = open(&hub, "mmmu-pro:standard-10").unwrap();
        assert_eq!(set.sample(0).unwrap().picture, own_picture(5));
    }
}

#[test]
fn a_cut_pull_is_continued_and_half_a_dataset_is_none() {
    let (server, home) = (FakeHub::with_dataset(), home());
    let hub = server.client(&home);
    let (first, second) = (server.file(FIRST), server.file(SECOND));
    let (repository, wanted) = wanted("mmmu-pro");
    // Cut on the way, and stopped in the second shard.
    server.set(Faults { cut: Some((3_000, 3)), ..Faults::default() });
    let stopped = hub.pull(&repository, &wanted, &mut |p| match p.file == SECOND
        && p.done > first.len() as u64
    {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    });
    assert!(matches!(stopped, Err(HubError::Cancelled)), "{stopped:?}");
    let asked = server.asked();
    let ranges = |path: &str| -> Vec<Option<String>> {
        asked.iter().filter(|a| a.path == path).map(|a| a.range.clone()).collect()
    };
    let at = |content: &[u8]| format!("/cdn/{}", sha256(content));
    let from = |n: usize| Some(format!("bytes={n}-"));
    assert_eq!(ranges(&at(&first)), [None, from(3_000), from(6_000)]);
    let part = cache(&home).join("blobs").join(format!("{}.incomplete", sha256(&second)));
    // So small a shard may have come whole before the stop was heard: a cut leaves less.
    let file = std::fs::File::options().write(true).open(&part).unwrap();
    file.set_len(file.metadata().unwrap().len().min(3_000)).unwrap();
    let there = part.metadata().unwrap().len();
    assert!((1..second.len() as u64).contains(&there), "{there}");

    // The branch is known and one shard has its name: still no dataset.
    std::fs::create_dir_all(cache(&home).join("refs")).unwrap();
    std::fs::write(cache(&home).join("refs/main"), COMMIT).unwrap();
    assert!(cache(&home).join("snapshots").join(COMMIT).join(FIRST).is_file());
    assert_eq!(local(&hub, "mmmu-pro"), None);
    let said = open(&hub, "mmmu-pro").err().unwrap().to_string();
    assert!(said.contains("datasets pull mmmu-pro"), "{said}");

    server.set(Faults::default());
    let pulled = pull(&hub, "mmmu-pro").unwrap();
    assert_eq!(pulled.fetched, second.len() as u64 - there, "only the rest came");
    assert_eq!(server.asked().into_iter().find_map(|a| a.range), from(there as usize));
    assert_eq!(std::fs::read(pulled.folder.join(SECOND)).unwrap(), second);
    assert_eq!(open(&hub, "mmmu-pro").unwrap().sample(18).unwrap().picture, own_picture(18));
}

#[test]
fn a_wrong_checksum_is_noticed_and_mended_by_the_next_pull() {
    let (server, home) = (FakeHub::with_dataset(), home());
    let hub = server.client(&home);
    server.set(Faults { flip: true, ..Faults::default() });
    let error = pull(&hub, "mmmu-pro").unwrap_err();
    assert!(matches!(&error, HubError::Damaged { file, .. } if file == FIRST), "{error:?}");
    assert_eq!(error.code(), ErrorCode::HubDamaged);
    assert!(!cache(&home).join("snapshots").join(COMMIT).join(FIRST).exists());
    assert!(open(&hub, "mmmu-pro").is_err());
    server.set(Faults::default());
    pull(&hub, "mmmu-pro").unwrap();
    assert_eq!(open(&hub, "mmmu-pro").unwrap().sample(0).unwrap().picture, own_picture(0));
}

#[test]
fn what_stands_in_the_way_is_said_of_a_dataset() {
    let (server, home) = (FakeHub::with_dataset(), home());
    let hub = server.client(&home);
    let says = |hub: &Hub, name: &str, code: ErrorCode, words: &str| {
        let error = pull(hub, name).unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
        assert!(error.to_string().contains(words), "no \"{words}\" in: {error}");
    };
    says(&hub, "mmmu-pro:standard-4", ErrorCode::HubMissing, "no file standard (4 options)/*.parq");
    server.set(Faults { refuse_listing: Some((401, "RepoNotFound")), ..Faults::default() });
    says(&hub, "mmmu-pro", ErrorCode::HubMissing, "no dataset repository MMMU/MMMU_Pro");
    server.set(Faults { refuse: Some((403, "GatedRepo")), ..Faults::default() });
    says(&hub, "mmmu-pro", ErrorCode::HubDenied, "MMMU/MMMU_Pro is gated");
    server.set(Faults::default());
    let full = hub.clone().with_free_space(|_| Ok(64 << 20));
    says(&full, "mmmu-pro", ErrorCode::StorageFull, "12 KiB more are needed");
    let offline = server.client_with(&home, &[("HF_HUB_OFFLINE", "1")]);
    let not_here = "the folder 'vision' of MMMU/MMMU_Pro is not on this machine";
    says(&offline, "mmmu-pro", ErrorCode::HubUnreachable, not_here);
    pull(&hub, "mmmu-pro").unwrap();
    assert!(pull(&offline, "mmmu-pro").unwrap().unasked.is_some());
    says(&offline, "mmmu-pro:standard-10", ErrorCode::HubUnreachable, "standard (10 options)");
    let unknown = hub.parquet("no name", "x").unwrap_err();
    assert!(unknown.contains("is no repository"), "{unknown}");
}

#[test]
fn a_branch_that_moves_hides_nothing_that_did_not_change() {
    const LATER: &str = "89abcdef0123456789abcdef0123456789abcdef";
    let (server, home) = (FakeHub::with_dataset(), home());
    let hub = server.client(&home);
    pull(&hub, "mmmu-pro").unwrap();
    server.commit(LATER);
    server.put("README.md", b"another card");
    pull(&hub, "mmmu-pro:standard-10").unwrap();
    // What vision was, it is at the new commit: found, without a byte fetched twice.
    let set = open(&hub, "mmmu-pro").unwrap();
    assert_eq!((set.info().rows, set.info().revision.as_str()), (19, LATER));
    // A shard that did change is fetched, and until then the dataset is not here.
    let changed = server.file(FIRST).iter().chain(b"!").copied().collect::<Vec<u8>>();
    server.put(FIRST, &changed);
    server.commit(COMMIT.replace('0', "f").as_str());
    pull(&hub, "mmmu-pro:standard-10").unwrap();
    assert_eq!(local(&hub, "mmmu-pro"), None);
    assert_eq!(pull(&hub, "mmmu-pro").unwrap().fetched, changed.len() as u64);
}

fn program(server: &FakeHub, home: &TempDir, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_langoverrule"));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    command.args(args).stdin(Stdio::null());
    for name in ["HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN_PATH"] {
        command.env_remove(name);
    }
    command.env("HF_ENDPOINT", server.url()).env("HF_HOME", home.path());
    command.env("RUST_LOG", "warn");
    // The test's own server is asked directly.
    command.env("NO_PROXY", "localhost,127.0.0.1");
    command.output().unwrap()
}

#[test]
fn the_command_line_lists_pulls_and_measures() {
    let (server, home, data) = (FakeHub::with_dataset(), home(), home());
    let run = |args: &[&str]| program(&server, &home, args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let list = || text(&run(&["datasets", "list"]).stdout);
    let before = list();
    for line in [
        "demo                  here, 960 rows, drawings under",
        "mmmu-pro:vision       not here, 1.52 GiB to fetch, 1730 rows, Apache-2.0\n",
        "mmmu-pro:standard-10  not here, 646.6 MiB to fetch, 1730 rows, Apache-2.0\n",
        "mmmu-pro:standard-4   not here, 646.5 MiB to fetch, 1730 rows, Apache-2.0\n",
        "`langoverrule datasets pull NAME` fetches",
    ] {
        assert!(before.contains(line), "no \"{line}\" in: {before}");
    }
    let data = data.path().to_str().unwrap();
    let experiment = || {
        run(&[
            "experiment",
            "--dataset",
            "mmmu-pro",
            "--samples",
            "2",
            "--max-new-tokens",
            "2",
            "--data",
            data,
        ])
    };
    let early = experiment();
    assert!(!early.status.success());
    let said = text(&early.stderr);
    assert!(said.contains("get it with `langoverrule datasets pull mmmu-pro`"), "{said}");

    let pulled = run(&["datasets", "pull", "mmmu-pro"]);
    let said = text(&pulled.stderr);
    assert!(pulled.status.success(), "{said}");
    for words in [
        "comes under the Apache-2.0 (https://huggingface.co/datasets/MMMU/MMMU_Pro)",
        "of 12 KiB",
        "MMMU/MMMU_Pro: 12 KiB fetched",
        "mmmu-pro:vision: 19 rows",
    ] {
        assert!(said.contains(words), "no \"{words}\" in: {said}");
    }
    let folder = text(&pulled.stdout).trim().to_owned();
    assert!(Path::new(&folder).join("test-00001-of-00002.parquet").is_file(), "{folder}");
    let after = list();
    let here = format!("mmmu-pro:vision       here, 19 rows, Apache-2.0: {folder}\n");
    assert!(after.contains(&here), "{after}");
    let measured = experiment();
    assert!(measured.status.success(), "{}", text(&measured.stderr));

    for (args, words) in [
        (["datasets", "pull", "demo"], "ships with the lab; nothing to pull"),
        (["datasets", "pull", "mmmu"], "there is mmmu-pro:vision, mmmu-pro:standard-10"),
        (["datasets", "pull", "mmmu-pro:standard-4"], "has no file standard (4 options)"),
    ] {
        let output = run(&args);
        assert!(!output.status.success(), "{args:?}");
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
    }
    // What is not the dataset that its name promises is said.
    server.put("standard (4 options)/test-00000-of-00001.parquet", &server.file(FIRST));
    let other = run(&["datasets", "pull", "mmmu-pro:standard-4"]);
    let said = text(&other.stderr);
    assert!(!other.status.success() && said.contains("its columns are vision's"), "{said}");
    assert!(list().contains("mmmu-pro:standard-4   here, but: "), "{}", list());
}
