//! A lab whose disk is full: it opens, shows what it has, deletes, and takes no new work until there is
//! space. The disk is a small file system in memory, in a namespace of its own; where the system allows
//! neither, these tests say so and try nothing.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, reason = "what was not tried")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::Form;
use crate::common::process::asked_until;
use crate::common::socket::events_of;
use serde_json::Value;
use shared::api::{ModelEntry, ModelState, RunCreated, RunRecord, RunState};
use tempfile::TempDir;

/// A file system of so many bytes.
struct Disk {
    holder: Child,
    path: PathBuf,
    _folder: TempDir,
}

impl Disk {
    fn new(size: u64) -> Option<Disk> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().to_owned();
        let mut holder = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c"])
            .arg("mount -t tmpfs -o size=\"$0\",mode=700 tmpfs \"$1\" && echo ready && read end")
            .arg(size.to_string())
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let disk = Disk { holder, path, _folder: folder };
        if line.trim() != "ready" {
            println!("no namespace is to be had here: nothing was tried");
            return None;
        }
        Some(disk)
    }

    /// A file on it, as it is seen from outside.
    fn file(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.path.strip_prefix("/").unwrap()).join(name)
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.file("somebody else's"))
            .unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
        assert!(std::fs::write(self.file("one more"), [7; 4096]).is_err(), "it is full");
        std::fs::remove_file(self.file("one more")).unwrap();
    }

    fn empty(&self) {
        std::fs::remove_file(self.file("somebody else's")).unwrap();
    }

    /// A command that sees it.
    fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.holder.id().to_string()]).args([
            "--user",
            "--mount",
            "--preserve-credentials",
            "--",
            program,
        ]);
        command
    }

    /// Mounts it anew, with other options.
    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let mounted = self.inside("mount").args(["-o", &options]).arg(&self.path).status();
        assert!(mounted.unwrap().success(), "{options}");
    }

    fn lab(&self) -> Lab {
        let mut lab = self.inside(env!("CARGO_BIN_EXE_langoverrule"));
        lab.args(["serve", "--scripted", "--bind", "127.0.0.1:0", "--data"]).arg(&self.path);
        Lab::open(&mut lab)
    }
}

impl Lab {
    fn open(lab: &mut Command) -> Lab {
        let mut child = lab
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(server) = line.trim().rsplit("//").next().unwrap().parse() else {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it did not open: {said}");
        };
        Lab { child, server }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A lab in a process of its own.
struct Lab {
    child: Child,
    server: SocketAddr,
}

impl Lab {
    fn send(&self, head: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.server).unwrap();
        let head = format!(
            "{head}\r\nHost: localhost\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.send(&format!("GET {path} HTTP/1.1"), b"")
    }

    /// Asks something about a picture of some 1.5 MB, another one each time: the same would be kept once.
    fn ask(&self) -> (u16, String) {
        static ASKED: AtomicU32 = AtomicU32::new(1);
        let mut noise = ASKED.fetch_add(1, Ordering::Relaxed);
        let picture = image::RgbImage::from_fn(720, 720, |_, _| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [_, a, b, c] = noise.to_le_bytes();
            image::Rgb([a, b, c])
        });
        let mut file = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
        let form = Form::empty()
            .with("picture", file.get_ref())
            .with("options", br#"{"prompt":"What is it?","max_new_tokens":2}"#);
        let head = format!("POST /api/runs HTTP/1.1\r\nContent-Type: {}", Form::content_type());
        self.send(&head, &form.body())
    }

    fn record(&self, id: &str) -> RunRecord {
        let (status, body) = self.get(&format!("/api/runs/{id}"));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Asks, and waits for the answer.
    fn run(&self) -> RunCreated {
        let (status, body) = self.ask();
        assert_eq!(status, 202, "{body}");
        let run: RunCreated = serde_json::from_str(&body).unwrap();
        assert!(events_of(self.server, &run.id).any(|e| e.event.is_last()));
        assert_eq!(self.record(&run.id).state, RunState::Done);
        run
    }

    fn delete(&self, run: &RunCreated) -> (u16, String) {
        let head = format!(
            "DELETE /api/runs/{} HTTP/1.1\r\nAuthorization: Bearer {}",
            run.id, run.owner_token
        );
        self.send(&head, b"")
    }

    /// What `/healthz` and `/readyz` answer: whether it is degraded, and whether it is ready.
    fn health(&self) -> (bool, bool, String) {
        // Both say the same of one moment: what changed between them is asked again.
        let (body, ready) = loop {
            let (status, body) = self.get("/healthz");
            assert_eq!(status, 200, "{body}");
            let ready = self.get("/readyz").0;
            if self.get("/healthz").1 == body {
                break (body, ready);
            }
        };
        let health: Value = serde_json::from_str(&body).unwrap();
        let problems: Vec<&str> =
            health["problems"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
        assert_eq!(health["status"] == "ok", problems.is_empty(), "{body}");
        assert_eq!(ready == 200, health["ready"] == true, "{body}");
        (health["status"] == "degraded", ready == 200, problems.join(" "))
    }

    /// Asks until it is well again: it looks for space once a second.
    fn until_well(&self) {
        let well = (false, true, String::new());
        asked_until("a lab that is well", || (self.health() == well).then_some(()));
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it in good order.
    fn stop(mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(asked.unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn a_full_disk_is_opened_shown_and_deleted_from() {
    let Some(disk) = Disk::new(24 << 20) else { return };
    let lab = disk.lab();
    let runs: Vec<RunCreated> = (0..5).map(|_| lab.run()).collect();
    assert_eq!(lab.health(), (false, true, String::new()));
    lab.stop();
    disk.fill();
    for start in 0..7 {
        let lab = disk.lab();
        let (degraded, ready, problems) = lab.health();
        assert!(degraded && !ready, "start {start}");
        assert!(problems.contains("no space left"), "{problems}");
        for run in &runs {
            assert_eq!(lab.record(&run.id).state, RunState::Done, "start {start}");
            assert_eq!(lab.get(&format!("/api/runs/{}/picture", run.id)).0, 200);
        }
        let (status, refused) = lab.ask();
        assert_eq!(status, 507, "{refused}");
        assert!(refused.contains("storage_full"), "{refused}");
        assert_eq!(lab.get("/api/experiments").0, 200);
        if start % 2 == 0 { lab.kill() } else { lab.stop() }
    }
    // What is deleted stays so, and gives the disk its space back.
    let lab = disk.lab();
    let (last, others) = runs.split_last().unwrap();
    for run in others {
        assert_eq!(lab.delete(run).0, 204);
    }
    lab.kill();
    let lab = disk.lab();
    for run in others {
        assert_eq!(lab.get(&format!("/api/runs/{}", run.id)).0, 404);
    }
    assert_eq!(lab.record(&last.id).state, RunState::Done);
    lab.until_well();
    lab.run();
    lab.stop();
}

/// As an earlier version of the lab leaves it, which kept nothing in reserve.
#[test]
fn a_full_disk_without_a_reserve_is_still_shown() {
    let Some(disk) = Disk::new(16 << 20) else { return };
    let lab = disk.lab();
    let run = lab.run();
    lab.stop();
    std::fs::remove_file(disk.file("reserve")).unwrap();
    disk.fill();
    for _ in 0..3 {
        let lab = disk.lab();
        let (degraded, ready, problems) = lab.health();
        assert!(degraded && !ready, "{problems}");
        assert!(problems.contains("The experiments are closed"), "{problems}");
        assert_eq!(lab.record(&run.id).state, RunState::Done);
        assert_eq!(lab.get(&format!("/api/runs/{}/picture", run.id)).0, 200);
        assert_eq!(lab.ask().0, 507);
        let (status, body) = lab.delete(&run);
        assert_eq!(status, 507, "{body}");
        assert!(body.contains("the run was not deleted"), "{body}");
        lab.kill();
    }
    disk.empty();
    let lab = disk.lab();
    assert_eq!(lab.health(), (false, true, String::new()));
    assert_eq!(lab.delete(&run).0, 204);
    lab.run();
    lab.stop();
}

/// Space that somebody else makes is found without a restart.
#[test]
fn a_disk_that_fills_up_while_the_lab_is_open() {
    let Some(disk) = Disk::new(16 << 20) else { return };
    let lab = disk.lab();
    let run = lab.run();
    disk.fill();
    // What SQLite has set aside beside its file may hold one more.
    let refused = (0..8).any(|_| lab.ask().0 == 507);
    assert!(refused);
    let (degraded, ready, _) = lab.health();
    assert!(degraded && !ready);
    assert_eq!(lab.delete(&run).0, 204);
    disk.empty();
    lab.until_well();
    lab.run();
    lab.stop();
}

/// A lab that carries its demo models inside, and the folder on a small disk that they are unpacked into.
struct Carrying {
    disk: Disk,
    /// Where it keeps everything else.
    data: TempDir,
    /// Where it is called: no model lies there.
    here: TempDir,
}

impl Carrying {
    fn new(size: u64) -> Option<Carrying> {
        let (data, here) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        Some(Carrying { disk: Disk::new(size)?, data, here })
    }

    /// The program, as a release is; `rights` may take some away from root.
    fn program(&self, rights: &[&str], args: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_langoverrule");
        let line = [rights, &[program]].concat();
        let mut command = self.disk.inside(line[0]);
        command
            .args(&line[1..])
            .args(args)
            .args(["--unpack", "--data"])
            .arg(self.data.path())
            .env("XDG_CACHE_HOME", &self.disk.path)
            .env("HOME", &self.disk.path)
            .env("RUST_LOG", "warn")
            .current_dir(self.here.path());
        command
    }

    fn open(&self, rights: &[&str]) -> Lab {
        Lab::open(&mut self.program(rights, &["serve", "--bind", "127.0.0.1:0"]))
    }
}

/// Tells that its demo models are not unpacked, and why, wherever it is asked; everything else works.
fn lacks_its_models(lab: &Lab, why: &str) {
    let (degraded, ready, problems) = lab.health();
    assert!(degraded && !ready, "{problems}");
    for name in ["demo-llava", "demo-qwen"] {
        let part = format!("The model {name}, which the lab carries inside, is not unpacked: ");
        assert!(problems.contains(&part) && problems.contains(why), "{problems}");
    }
    assert_eq!(lab.get("/readyz").0, 503);
    let models: Vec<ModelEntry> = serde_json::from_str(&lab.get("/api/models").1).unwrap();
    for name in ["demo-llava", "demo-qwen"] {
        let model = models.iter().find(|model| model.name == name).unwrap();
        assert_eq!((model.state, model.may_pull), (ModelState::Absent, false));
        let told = model.unavailable.as_ref().unwrap();
        assert!(told.text.contains(why) && told.sentence.is_some(), "{told}");
    }
    assert!(models.iter().any(|model| model.default), "the default one stays the default one");
    let (status, refused) = lab.ask();
    assert_eq!(status, 503, "{refused}");
    assert!(refused.contains("model_not_unpacked") && refused.contains(why), "{refused}");
    let experiment = br#"{"models":["demo-qwen"],"samples":1}"#;
    let (status, refused) = lab.send("POST /api/experiments HTTP/1.1", experiment);
    assert_eq!(status, 503, "{refused}");
    assert!(refused.contains("model_not_unpacked"), "{refused}");
    // What needs no model is there.
    assert_eq!(lab.get("/api/samples").0, 200);
}

/// Finds room, by itself, and answers with the model.
fn finds_its_models(lab: &Lab) {
    lab.until_well();
    let models: Vec<ModelEntry> = serde_json::from_str(&lab.get("/api/models").1).unwrap();
    let here = |name| models.iter().any(|m| m.name == name && m.state == ModelState::Ready);
    assert!(here("demo-llava") && here("demo-qwen"));
    lab.run();
}

#[test]
fn a_full_cache_folder_costs_the_demo_models_until_there_is_room() {
    let Some(carrying) = Carrying::new(1 << 20) else { return };
    let lab = carrying.open(&[]);
    lacks_its_models(&lab, "no space left");
    // Half a model is no use to anybody, and fills the disk.
    let left = std::fs::read_dir(carrying.disk.file("langoverrule/models")).unwrap().count();
    assert_eq!(left, 0);
    // Other commands say the same of it, and do what needs none of it.
    let listed = carrying.program(&[], &["models", "list"]).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("* demo-llava") && listed.contains("no space left"), "{listed}");
    let refused = carrying.program(&[], &["models", "check", "demo-llava"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("no space left"), "{said}");
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/demo-llava");
    let fine = carrying.program(&[], &["models", "check", model]).output().unwrap();
    assert!(fine.status.success(), "{}", String::from_utf8_lossy(&fine.stderr));
    carrying.disk.remount("size=64m");
    finds_its_models(&lab);
    lab.stop();
    // What was unpacked is read from a disk on which nothing fits any more.
    carrying.disk.fill();
    let lab = carrying.open(&[]);
    assert_eq!(lab.health(), (false, true, String::new()));
    lab.run();
    lab.stop();
}

#[test]
fn a_cache_folder_that_can_only_be_read_costs_the_demo_models() {
    let Some(carrying) = Carrying::new(64 << 20) else { return };
    carrying.disk.remount("ro");
    let lab = carrying.open(&[]);
    lacks_its_models(&lab, "can only be read");
    carrying.disk.remount("rw");
    finds_its_models(&lab);
    lab.stop();
}

#[test]
fn a_cache_folder_without_rights_costs_the_demo_models() {
    let Some(carrying) = Carrying::new(64 << 20) else { return };
    // Root's own right to pass over rights.
    let rights =
        ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"];
    let can = carrying.disk.inside(rights[0]).args(&rights[1..]).arg("true").status();
    if !can.is_ok_and(|status| status.success()) {
        println!("no right can be taken away here: nothing was tried");
        return;
    }
    let folder = carrying.disk.path.clone();
    let mode = |mode: &str| {
        let changed = carrying.disk.inside("chmod").arg(mode).arg(&folder).status();
        assert!(changed.unwrap().success());
    };
    mode("000");
    let lab = carrying.open(&rights);
    lacks_its_models(&lab, "no right to write");
    mode("700");
    finds_its_models(&lab);
    lab.stop();
}

/// The lab looks by itself, and not only when somebody asks how it is.
#[test]
fn a_run_that_asks_for_a_model_has_it_unpacked() {
    let Some(carrying) = Carrying::new(1 << 20) else { return };
    let lab = carrying.open(&[]);
    assert_eq!(lab.ask().0, 503);
    carrying.disk.remount("size=64m");
    // Tried no more often than once a second.
    asked_until("a model that is unpacked", || (lab.ask().0 == 202).then_some(()));
    lab.stop();
}
