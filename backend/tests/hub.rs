//! Pulls from a server that speaks the hub's routes, with what goes wrong on the way.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::fake::{COMMIT, FakeHub, Faults, REPO, bytes, client, git_name, sha256};
use langoverrule::models::hub::{Hub, HubError, Progress, Pulled, Repository, Wanted};
use shared::ErrorCode;
use tempfile::TempDir;

fn repository() -> Repository {
    REPO.parse().unwrap()
}

fn pull(hub: &Hub) -> Result<Pulled, HubError> {
    hub.pull(&repository(), &Wanted::Model, &mut |_| ControlFlow::Continue(()))
}

fn home() -> TempDir {
    TempDir::new().unwrap()
}

fn folder(home: &TempDir) -> PathBuf {
    home.path().join("hub/models--lab--model")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<String> = entries.map(|e| e.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The unfinished file of a large file.
fn part(home: &TempDir, content: &[u8]) -> PathBuf {
    folder(home).join("blobs").join(format!("{}.incomplete", sha256(content)))
}

#[test]
fn a_whole_pull_brings_what_is_needed_into_the_layout_that_python_knows() {
    let (server, home) = (FakeHub::with_model(), home());
    let hub = server.client_with(&home, &[("HF_TOKEN", "hf_secret")]);
    assert_eq!(hub.local(&repository(), &Wanted::Model), None);
    let mut seen: Vec<Progress> = Vec::new();
    let pulled = hub.pull(&repository(), &Wanted::Model, &mut |p| {
        seen.push(p.clone());
        ControlFlow::Continue(())
    });
    let pulled = pulled.unwrap();
    let snapshot = folder(&home).join("snapshots").join(COMMIT);
    assert_eq!((&pulled.folder, &pulled.unasked), (&snapshot, &None));
    let needed = [
        "LICENSE",
        "config.json",
        "model-1.safetensors",
        "model-2.safetensors",
        "model.safetensors.index.json",
        "preprocessor_config.json",
        "tokenizer.json",
    ];
    assert_eq!(names(&snapshot), needed);
    let total: usize = needed.iter().map(|n| server.file(n).len()).sum();
    // Two of them have the same content, which comes and lies there once.
    assert_eq!(pulled.fetched, total as u64 - 2, "every byte once, and no other");
    for name in needed {
        assert_eq!(std::fs::read(snapshot.join(name)).unwrap(), server.file(name), "{name}");
        let target = std::fs::read_link(snapshot.join(name)).unwrap();
        let content = server.file(name);
        let etag = if content.len() > 4096 { sha256(&content) } else { git_name(&content) };
        assert_eq!(target, Path::new("../../blobs").join(etag), "{name}");
    }
    assert_eq!(std::fs::read_to_string(folder(&home).join("refs/main")).unwrap(), COMMIT);
    assert!(names(&folder(&home).join("blobs")).iter().all(|n| !n.ends_with(".incomplete")));

    // Progress only grows and ends at the whole.
    assert!(seen.windows(2).all(|w| w[0].done <= w[1].done && w[0].total <= w[1].total));
    let last = seen.last().unwrap();
    assert_eq!((last.done, last.total), (total as u64, total as u64));

    // The token goes to the hub and not to where large files lie.
    let asked = server.asked();
    let (store, api): (Vec<_>, Vec<_>) = asked.iter().partition(|a| a.path.starts_with("/cdn"));
    assert_eq!(store.len(), 2);
    assert!(store.iter().all(|a| a.token.is_none()), "{store:?}");
    assert!(api.iter().all(|a| a.token.as_deref() == Some("Bearer hf_secret")), "{api:?}");

    // It is found, and a second pull moves nothing.
    assert_eq!(hub.local(&repository(), &Wanted::Model), Some(snapshot));
    assert_eq!(pull(&hub).unwrap().fetched, 0);
    assert!(server.asked().iter().all(|a| !a.path.starts_with("/cdn")));
    // A commit is a revision too.
    let pinned: Repository = format!("{REPO}@{COMMIT}").parse().unwrap();
    assert!(hub.local(&pinned, &Wanted::Model).is_some());
}

#[test]
fn a_cut_transfer_is_continued_where_it_was_cut() {
    let (server, home) = (FakeHub::with_model(), home());
    server.set(Faults { cut: Some((50_000, 4)), ..Faults::default() });
    let pulled = pull(&server.client(&home)).unwrap();
    let first = server.file("model-1.safetensors");
    assert_eq!(std::fs::read(pulled.folder.join("model-1.safetensors")).unwrap(), first);
    let ranges: Vec<Option<String>> = server
        .asked()
        .into_iter()
        .filter(|a| a.path == format!("/cdn/{}", sha256(&first)))
        .map(|a| a.range)
        .collect();
    let from = |n: usize| Some(format!("bytes={n}-"));
    assert_eq!(ranges, [None, from(50_000), from(100_000), from(150_000), from(200_000)]);
}

#[test]
fn what_a_stopped_pull_left_is_continued_by_the_next() {
    let (server, home) = (FakeHub::with_model(), home());
    let hub = server.client(&home);
    server.set(Faults { cut: Some((120_000, 1)), busy: None, ..Faults::default() });
    // Cut once, then the server is gone for good.
    let mut stop = false;
    let error = hub.pull(&repository(), &Wanted::Model, &mut |p| {
        stop |= p.file == "model-1.safetensors" && p.done > 100_000;
        if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(error, Err(HubError::Cancelled)), "{error:?}");
    let first = server.file("model-1.safetensors");
    let there = part(&home, &first).metadata().unwrap().len();
    assert!((1..300_000).contains(&there), "{there}");
    assert_eq!(hub.local(&repository(), &Wanted::Model), None, "half a model is none");

    server.set(Faults::default());
    server.asked();
    let mut begun = None;
    let pulled = hub.pull(&repository(), &Wanted::Model, &mut |p| {
        if p.file == "model-1.safetensors" && begun.is_none() {
            begun = Some(p.done);
        }
        ControlFlow::Continue(())
    });
    let pulled = pulled.unwrap();
    assert_eq!(pulled.fetched, 500_000 - there, "only the rest was fetched");
    assert!(begun.unwrap() >= there, "what was there counts as done");
    let range = server.asked().into_iter().find_map(|a| a.range);
    assert_eq!(range, Some(format!("bytes={there}-")));
    assert_eq!(std::fs::read(pulled.folder.join("model-1.safetensors")).unwrap(), first);
}

#[test]
fn a_transfer_cut_for_good_says_how_far_it_came_and_keeps_it() {
    let (server, home) = (FakeHub::with_model(), home());
    let hub = server.client(&home);
    let first = server.file("model-1.safetensors");
    std::fs::create_dir_all(folder(&home).join("blobs")).unwrap();
    std::fs::write(part(&home, &first), &first[..150_000]).unwrap();
    server.set(Faults { cut: Some((0, 100)), ..Faults::default() });
    let error = pull(&hub).unwrap_err();
    assert!(matches!(error, HubError::Cut { at: 150_000, total: 300_000, .. }), "{error:?}");
    assert!(error.to_string().contains("146 KiB of 293 KiB"), "{error}");
    assert_eq!(std::fs::read(part(&home, &first)).unwrap(), first[..150_000]);
    assert_eq!(server.asked().iter().filter(|a| a.path.starts_with("/cdn")).count(), 6);
}

#[test]
fn a_busy_server_is_asked_again_and_one_that_stays_busy_is_named_so() {
    let (server, home) = (FakeHub::with_model(), home());
    server.set(Faults { busy: Some((503, 3)), ..Faults::default() });
    pull(&server.client(&home)).unwrap();
    let elsewhere = self::home();
    server.set(Faults { busy: Some((429, 100)), ..Faults::default() });
    let error = pull(&server.client(&elsewhere)).unwrap_err();
    assert!(matches!(error, HubError::Busy { status: 429 }), "{error:?}");
}

#[test]
fn a_server_that_stalls_is_taken_for_cut() {
    let (server, home) = (FakeHub::with_model(), home());
    server.set(Faults { slow: Some(Duration::from_millis(700)), ..Faults::default() });
    let error = pull(&server.client(&home)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::HubUnreachable, "{error:?}");
}

#[test]
fn a_server_that_knows_no_ranges_sends_all_of_it_again() {
    let (server, home) = (FakeHub::with_model(), home());
    let first = server.file("model-1.safetensors");
    std::fs::create_dir_all(folder(&home).join("blobs")).unwrap();
    std::fs::write(part(&home, &first), &first[..150_000]).unwrap();
    server.set(Faults { no_ranges: true, ..Faults::default() });
    let pulled = pull(&server.client(&home)).unwrap();
    assert_eq!(std::fs::read(pulled.folder.join("model-1.safetensors")).unwrap(), first);
}

#[test]
fn a_login_page_between_is_named_and_costs_nothing() {
    let (server, home) = (FakeHub::with_model(), home());
    let first = server.file("model-1.safetensors");
    std::fs::create_dir_all(folder(&home).join("blobs")).unwrap();
    std::fs::write(part(&home, &first), &first[..150_000]).unwrap();
    server.set(Faults { login_page: true, ..Faults::default() });
    let error = pull(&server.client(&home)).unwrap_err();
    assert!(matches!(error, HubError::Mismatch { .. }), "{error:?}");
    assert!(error.to_string().contains("login page"), "{error}");
    assert_eq!(part(&home, &first).metadata().unwrap().len(), 150_000, "kept");
}

#[test]
fn gated_private_and_missing_say_what_to_do() {
    let (server, home) = (FakeHub::with_model(), home());
    let stranger = server.client(&home);
    let known = server.client_with(&home, &[("HF_TOKEN", "hf_x")]);
    let refuse =
        |status, code| server.set(Faults { refuse: Some((status, code)), ..Faults::default() });
    let no_listing = |status, code| {
        server.set(Faults { refuse_listing: Some((status, code)), ..Faults::default() });
    };
    let says = |hub: &Hub, code: ErrorCode, words: &[&str]| {
        let error = pull(hub).unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
        for word in words {
            assert!(error.to_string().contains(word), "no \"{word}\" in: {error}");
        }
    };
    refuse(401, "GatedRepo");
    says(&stranger, ErrorCode::HubDenied, &["gated", "accept its terms", "set HF_TOKEN"]);
    refuse(403, "GatedRepo");
    says(&known, ErrorCode::HubDenied, &["gated", "not enough"]);
    refuse(403, "");
    says(&known, ErrorCode::HubDenied, &["refuses access", "token"]);
    no_listing(401, "RepoNotFound");
    says(&stranger, ErrorCode::HubMissing, &["has no model repository lab/model", "spelling"]);
    no_listing(401, "");
    says(&known, ErrorCode::HubDenied, &["the token in HF_TOKEN is wrong"]);
    no_listing(404, "RepoNotFound");
    says(&known, ErrorCode::HubMissing, &["check the spelling"]);
    no_listing(500, "");
    says(&known, ErrorCode::HubUnreachable, &["status 500"]);
    server.set(Faults::default());
    let other: Repository = format!("{REPO}@nowhere").parse().unwrap();
    let go_on = &mut |_: &Progress| ControlFlow::Continue(());
    let error = stranger.pull(&other, &Wanted::Model, go_on).unwrap_err();
    assert!(error.to_string().contains("no revision \"nowhere\""), "{error}");
    let wanted = Wanted::Files(vec!["model.gguf".to_owned()]);
    let error = stranger.pull(&repository(), &wanted, go_on).unwrap_err();
    assert!(matches!(error, HubError::NoFile { .. }), "{error:?}");
}

#[test]
fn damage_is_noticed_thrown_away_and_mended_by_the_next_pull() {
    let (server, home) = (FakeHub::with_model(), home());
    let hub = server.client(&home);
    server.set(Faults { flip: true, ..Faults::default() });
    let error = pull(&hub).unwrap_err();
    assert!(matches!(error, HubError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("checksum"), "{error}");
    assert_eq!(hub.local(&repository(), &Wanted::Model), None);
    assert!(!folder(&home).join("snapshots").join(COMMIT).join("model-1.safetensors").exists());
    server.set(Faults { lie: true, ..Faults::default() });
    let error = pull(&hub).unwrap_err();
    assert!(matches!(error, HubError::Mismatch { .. }), "{error:?}");
    server.set(Faults::default());
    pull(&hub).unwrap();
}

#[test]
fn what_another_left_damaged_is_fetched_anew_at_once() {
    let (server, home) = (FakeHub::with_model(), home());
    let first = server.file("model-1.safetensors");
    std::fs::create_dir_all(folder(&home).join("blobs")).unwrap();
    for left in [bytes(150_000, 9), bytes(300_000, 9), bytes(400_000, 9)] {
        std::fs::write(part(&home, &first), left).unwrap();
        let pulled = pull(&server.client(&home)).unwrap();
        assert_eq!(std::fs::read(pulled.folder.join("model-1.safetensors")).unwrap(), first);
        std::fs::remove_dir_all(folder(&home).join("snapshots")).unwrap();
        std::fs::remove_file(folder(&home).join("blobs").join(sha256(&first))).unwrap();
    }
    // One that is whole but has no name yet only needs its name.
    std::fs::write(part(&home, &first), &first).unwrap();
    server.asked();
    pull(&server.client(&home)).unwrap();
    assert!(server.asked().iter().all(|a| !a.path.contains(&sha256(&first))));
}

#[test]
fn offline_means_offline() {
    let (server, home) = (FakeHub::with_model(), home());
    let hub = server.client_with(&home, &[("HF_HUB_OFFLINE", "1")]);
    let error = pull(&hub).unwrap_err();
    assert!(error.to_string().contains("HF_HUB_OFFLINE"), "{error}");
    assert!(server.asked().is_empty());
    pull(&server.client(&home)).unwrap();
    server.asked();
    let pulled = pull(&hub).unwrap();
    assert!(pulled.unasked.is_some() && pulled.fetched == 0);
    assert!(server.asked().is_empty());
}

#[test]
fn a_hub_that_is_gone_or_none_is_named_and_a_copy_does() {
    let (server, home) = (FakeHub::with_model(), home());
    let gone = server.client_with(&home, &[("HF_ENDPOINT", "http://127.0.0.1:1")]);
    let error = pull(&gone).unwrap_err();
    assert!(error.to_string().contains("cannot be reached"), "{error}");
    assert!(!error.to_string().contains("127.0.0.1"), "the sentence names no machine: {error}");
    assert!(error.in_full().contains("127.0.0.1:1"), "{}", error.in_full());
    server.set(Faults { no_hub: true, ..Faults::default() });
    let error = pull(&server.client(&home)).unwrap_err();
    assert!(error.to_string().contains("no Hugging Face hub"), "{error}");
    for endpoint in ["huggingface.co", "ftp://x", "http://", "not an address"] {
        let hub = server.client_with(&home, &[("HF_ENDPOINT", endpoint)]);
        let error = pull(&hub).unwrap_err();
        assert!(matches!(error, HubError::BadEndpoint(_)), "{endpoint}: {error:?}");
    }
    server.set(Faults::default());
    pull(&server.client(&home)).unwrap();
    let pulled = pull(&gone).unwrap();
    assert!(pulled.unasked.unwrap().contains("127.0.0.1:1"));
}

#[test]
fn too_little_room_is_said_before_the_weights_come() {
    let (server, home) = (FakeHub::with_model(), home());
    let hub = server.client(&home).with_free_space(|_| Ok((64 << 20) + 400_000));
    let error = pull(&hub).unwrap_err();
    assert!(matches!(error, HubError::NoSpace { needed: 500_000, .. }), "{error:?}");
    assert_eq!(error.code(), ErrorCode::StorageFull);
    assert!(error.to_string().contains("488 KiB more are needed"), "{error}");
    assert!(server.asked().iter().all(|a| !a.path.starts_with("/cdn")));
}

#[test]
fn a_mirror_that_lists_no_sizes_is_asked_file_by_file() {
    let (server, home) = (FakeHub::with_model(), home());
    server.set(Faults { bare: true, ..Faults::default() });
    let pulled = pull(&server.client(&home)).unwrap();
    let first = server.file("model-1.safetensors");
    assert_eq!(std::fs::read(pulled.folder.join("model-1.safetensors")).unwrap(), first);
    let target = std::fs::read_link(pulled.folder.join("model-1.safetensors")).unwrap();
    assert!(target.ends_with(sha256(&first)), "the linked tag names the blob");
}

#[test]
fn what_cannot_be_run_is_refused_before_its_weights_come() {
    let (server, home) = (FakeHub::with_model(), home());
    let refused = |words: &str| {
        let error = pull(&server.client(&home)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::ModelUnusable, "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(server.asked().iter().all(|a| !a.path.starts_with("/cdn")));
    };
    server.put("config.json", br#"{"model_type":"bert"}"#);
    refused("'bert'");
    server.put("config.json", br#"{"model_type":"llava_llama"}"#);
    refused("llava-hf/llava-1.5-7b-hf");
    server.put(
        "config.json",
        br#"{"model_type":"qwen2_5_vl","quantization_config":{"quant_method":"awq","bits":4}}"#,
    );
    refused("quantized with AWQ");
    server.put("adapter_config.json", b"{}");
    refused("an adapter (LoRA)");
    server.remove("adapter_config.json");
    server.put("config.json", br#"{"model_type":"llava"}"#);
    server.remove("model-2.safetensors");
    refused("model-2.safetensors, which is not there");
    server.remove("model.safetensors.index.json");
    server.remove("model-1.safetensors");
    server.remove("consolidated.safetensors");
    refused("PyTorch .bin");
    server.put("model.safetensors", b"");
    server.remove("tokenizer.json");
    refused("has no tokenizer.json");
}

#[test]
fn single_files_are_pulled_by_name() {
    let (server, home) = (FakeHub::with_model(), home());
    let (text, vision) = (bytes(50_000, 4), bytes(20_000, 5));
    server.put("gguf/model-Q4_K_M.gguf", &text);
    server.put("mmproj-f16.gguf", &vision);
    let wanted =
        Wanted::Files(vec!["gguf/model-Q4_K_M.gguf".to_owned(), "mmproj-f16.gguf".to_owned()]);
    let hub = server.client(&home);
    let go_on = &mut |_: &Progress| ControlFlow::Continue(());
    let pulled = hub.pull(&repository(), &wanted, go_on).unwrap();
    assert_eq!(pulled.fetched, 70_000);
    assert_eq!(std::fs::read(pulled.folder.join("gguf/model-Q4_K_M.gguf")).unwrap(), text);
    assert_eq!(std::fs::read(pulled.folder.join("mmproj-f16.gguf")).unwrap(), vision);
    assert_eq!(hub.local(&repository(), &wanted), Some(pulled.folder));
    assert_eq!(hub.local(&repository(), &Wanted::Model), None);
}

#[test]
fn a_file_that_another_program_fetches_is_left_to_it() {
    let (server, home) = (FakeHub::with_model(), home());
    let first = sha256(&server.file("model-1.safetensors"));
    let locks = home.path().join("hub/.locks/models--lab--model");
    std::fs::create_dir_all(&locks).unwrap();
    let lock = std::fs::File::create(locks.join(format!("{first}.lock"))).unwrap();
    lock.lock().unwrap();
    let error = pull(&server.client(&home)).unwrap_err();
    assert!(matches!(error, HubError::Locked { .. }), "{error:?}");
    lock.unlock().unwrap();
    pull(&server.client(&home)).unwrap();
}

#[test]
fn a_snapshot_that_lacks_something_is_not_taken_for_a_model() {
    let (server, home) = (FakeHub::with_model(), home());
    let hub = server.client(&home);
    let pulled = pull(&hub).unwrap();
    for name in ["model-2.safetensors", "tokenizer.json", "config.json"] {
        std::fs::remove_file(pulled.folder.join(name)).unwrap();
        assert_eq!(hub.local(&repository(), &Wanted::Model), None, "without {name}");
        pull(&hub).unwrap();
        assert!(hub.local(&repository(), &Wanted::Model).is_some());
    }
    let nobody = client(&[("HF_HOME", "/nowhere")]);
    assert_eq!(nobody.local(&repository(), &Wanted::Model), None);
}
