//! Options are resolved once: whichever door a question comes through, the same is run, and every
//! door names what ran. The registry's entries here set what an entry can: template and weights.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use crate::common::{Form, Options, TestLab};
use axum::body::Body;
use axum::http::Request;
use langoverrule::experiments::{Book, SqliteQueue};
use langoverrule::models::catalog::Catalog;
use langoverrule::workers::lab::EngineLab;
use shared::api::{ModelEntry, RunRecord};
use shared::experiment::tables::Tables;
use shared::experiment::{ExperimentState, ExperimentStatus, ItemRecord, ItemRun};
use shared::{Event, Quant, Report, RunOptions, WhyChanged};
use tempfile::TempDir;

/// What the entry does not name and the family would take.
const FAMILYS: &str = "llava-hf";
const PROMPT: &str = "Which animal is it?";

/// The registry's entry of a tiny checkpoint with what else it says.
fn entry(name: &str, checkpoint: &str, says: &str) -> String {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/goldens");
    let folder = goldens.join(checkpoint).canonicalize().unwrap();
    let folder = serde_json::to_string(&folder).unwrap();
    format!("[[model]]\nname = \"{name}\"\nsource = {{ folder = {folder} }}\n{says}\n")
}

fn entries() -> String {
    entry("tiny-llava", "llava-gqa", "template = \"vicuna-v1\"\nquant = \"f32\"")
        + &entry("tiny-qwen", "qwen-tall", "quant = \"f16\"")
}

/// A data folder with a registry of its own, a picture, and a dataset of it.
struct Place {
    folder: Arc<TempDir>,
    picture: Vec<u8>,
}

impl Place {
    fn new() -> Place {
        Self::with(&entries())
    }

    fn with(entries: &str) -> Place {
        let folder = Arc::new(TempDir::new().unwrap());
        std::fs::write(folder.path().join("models.toml"), entries).unwrap();
        let picture = crate::common::png(120, 90);
        std::fs::write(folder.path().join("p.png"), &picture).unwrap();
        let row = format!("{{\"image\":\"p.png\",\"prompt\":\"{PROMPT}\"}}\n");
        std::fs::write(folder.path().join("rows.jsonl"), row).unwrap();
        Place { folder, picture }
    }

    /// A folder of models in which there are none: they are the registry's.
    fn none(&self) -> PathBuf {
        let none = self.folder.path().join("none");
        std::fs::create_dir_all(&none).unwrap();
        none
    }

    fn lab(&self) -> TestLab {
        let catalog = Catalog::find(Some(&self.none()), self.folder.path()).unwrap();
        let options = Options { experiments: true, ..Options::default() };
        TestLab::of(Arc::new(EngineLab::default()), catalog, self.folder.clone(), options)
    }

    fn program(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_langoverrule"))
            .args(args)
            .args(["--device", "cpu", "--data", ".", "--models", "none"])
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    /// A run through `analyze --json`, and what it said beside.
    fn analyze(&self, model: &str, more: &[&str]) -> (Report, String) {
        let args = ["analyze", "--model", model, "--image", "p.png", "--prompt", PROMPT, "--json"];
        let output = self.program(&[&args, more].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        (serde_json::from_slice(&output.stdout).unwrap(), said)
    }

    /// A run through the page's door; `more` are further options.
    async fn page(&self, lab: &TestLab, model: &str, more: &str) -> (RunRecord, Report, String) {
        let options =
            format!("{{\"model\":\"{model}\",\"prompt\":\"{PROMPT}\",\"max_new_tokens\":4{more}}}");
        let form = Form::empty().with("picture", &self.picture).with("options", options.as_bytes());
        let answer = lab.submit_form(form).await;
        let created: shared::api::RunCreated = answer.json();
        let record = lab.ended(&created.id).await;
        let export = |end: &str| format!("/api/runs/{}/export.{end}", created.id);
        let report = lab.get(&export("json")).await.ok();
        (record, report, lab.get(&export("csv")).await.text())
    }
}

fn late(report: &Report) -> f64 {
    report.stages.late.mdi.unwrap()
}

/// The options in a run's layout: what its page, link and citation name.
fn named(record: &RunRecord) -> (RunOptions, String) {
    let layout = record.events.iter().find_map(|e| match &e.event {
        Event::Layout { options, model, .. } => Some((options.clone(), model.template.clone())),
        _ => None,
    });
    layout.unwrap()
}

#[tokio::test]
async fn the_page_and_the_command_line_run_what_the_registry_says_and_name_it() {
    let place = Place::new();
    let lab = place.lab();
    let (record, report, csv) = place.page(&lab, "tiny-llava", "").await;
    let (options, template) = named(&record);
    assert_eq!((options.template.as_str(), options.quant), ("vicuna-v1", Quant::F32));
    assert_eq!((template.as_str(), report.model.quant), ("vicuna-v1", Quant::F32));
    assert_eq!(record.options, options, "what was taken is what ran");
    assert_eq!(report.options, options);
    assert!(csv.contains("template vicuna-v1") && !csv.contains(FAMILYS), "{csv}");

    let (analyzed, _) = place.analyze("tiny-llava", &["--max-new-tokens", "4"]);
    assert_eq!(analyzed.options, options);
    assert_eq!(analyzed.model.template, "vicuna-v1");
    assert_eq!(late(&analyzed), late(&report), "the same number to the last bit");

    // Asked by name, the family's template is another run with another number, at both doors.
    let (_, hf, _) = place.page(&lab, "tiny-llava", ",\"template\":\"llava-hf\"").await;
    let asked = ["--max-new-tokens", "4", "--template", "llava-hf"];
    let (analyzed_hf, _) = place.analyze("tiny-llava", &asked);
    assert_eq!((hf.options.template.as_str(), hf.model.template.as_str()), (FAMILYS, FAMILYS));
    assert_eq!(analyzed_hf.options, hf.options);
    assert_eq!(late(&analyzed_hf), late(&hf));
    assert!((late(&hf) - late(&report)).abs() > 1e-6, "the template decides the number");

    // The form offers what runs when nobody chooses first.
    let entries: Vec<ModelEntry> = lab.get("/api/models").await.ok();
    let entry = entries.iter().find(|m| m.name == "tiny-llava").unwrap();
    assert_eq!((entry.templates[0].as_str(), entry.default_quant), ("vicuna-v1", Quant::F32));
}

#[tokio::test]
async fn an_experiment_runs_and_names_the_same() {
    let place = Place::new();
    let lab = place.lab();
    let (_, single, _) = place.page(&lab, "tiny-llava", "").await;
    let list = place.folder.path().join("rows.jsonl").canonicalize().unwrap();
    let list = format!("jsonl:{}", list.display());

    // From the command line, into files.
    let args = ["experiment", "--model", "tiny-llava", "--dataset", &list, "--out", "out"];
    let output = place.program(&[&args[..], &["--max-new-tokens", "4", "--samples", "0"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file =
        |name: &str| std::fs::read_to_string(place.folder.path().join("out").join(name)).unwrap();
    let tables: Tables = serde_json::from_str(&file("tables.json")).unwrap();
    names(&tables, &single);
    for name in ["tables.md", "tables.csv", "tables.tex", "items.jsonl", "layers.svg"] {
        let text = file(name);
        assert!(text.contains("vicuna-v1"), "{name} does not name the template");
        assert!(!text.contains(FAMILYS), "{name} names a template that did not run");
    }

    // The same experiment as the page reads it.
    // Whoever has its address may read it; this lab lists experiments to nobody.
    let queue = SqliteQueue::open(place.folder.path()).unwrap();
    let id = queue.list(1).unwrap().remove(0).start.id;
    let at = |rest: &str| format!("/api/experiments/{id}{rest}");
    let status: ExperimentStatus = lab.get(&at("")).await.ok();
    assert_eq!(status.state, ExperimentState::Done);
    assert_eq!(status.grid.conditions[0].template.as_deref(), Some("vicuna-v1"));
    assert_eq!(status.grid.options[0].template, "vicuna-v1");
    assert_eq!(status.models[0].template, "vicuna-v1");
    names(&lab.get(&at("/tables")).await.ok(), &single);
    names(&lab.get(&at("/export.json")).await.ok(), &single);
    for export in ["md", "csv", "tex", "jsonl"] {
        let text = lab.get(&at(&format!("/export.{export}"))).await.text();
        assert!(text.contains("vicuna-v1") && !text.contains(FAMILYS), "{export}");
    }
    let items: Vec<ItemRecord> = lab.get(&at("/items")).await.ok();
    let opened = Request::post(at(&format!("/items/{}/run", items[0].item)));
    let opened: ItemRun = lab.send(opened.body(Body::empty()).unwrap()).await.ok();
    let (options, template) = named(&lab.ended(&opened.id).await);
    assert_eq!((options, template.as_str()), (single.options.clone(), "vicuna-v1"));
}

/// Tables of the one sample, with the number and the options of the single run.
fn names(tables: &Tables, single: &Report) {
    let condition = &tables.conditions[0];
    assert_eq!(condition.template, "vicuna-v1");
    let options = condition.options.as_ref().unwrap();
    assert_eq!(*options, RunOptions { prompt: String::new(), ..single.options.clone() });
    assert_eq!((condition.condition.quant, options.quant), (Quant::F32, Quant::F32));
    assert_eq!(tables.provenance.models[0].template, "vicuna-v1");
    let mean = condition.choices[0].stages[2].mdi.estimate.mean.unwrap();
    assert!((mean - late(single)).abs() < 1e-12, "{mean} for {}", late(single));
}

#[tokio::test]
async fn what_is_asked_beyond_a_models_limit_is_told_at_every_door() {
    let place = Place::new();
    let lab = place.lab();
    let most = 1_536;
    let (record, page, csv) = place.page(&lab, "tiny-qwen", ",\"max_pixels\":2000000").await;
    let told = &page.options.changed;
    assert_eq!((page.options.max_pixels, page.options.quant), (Some(most), Quant::F16));
    assert_eq!((told[0].option.as_str(), told[0].used.as_str()), ("max_pixels", "1536"));
    assert_eq!(told[0].why, WhyChanged::AboveModelLimit);
    assert_eq!(named(&record).0, page.options);
    assert!(csv.contains("# note: max_pixels 2000000 is above the model's own limit: 1536"));
    let asked = ["--max-new-tokens", "4", "--max-pixels", "2000000"];
    let (analyzed, said) = place.analyze("tiny-qwen", &asked);
    assert_eq!(analyzed.options, page.options);
    assert_eq!(late(&analyzed), late(&page));
    assert!(said.contains("max_pixels 2000000 is above the model's own limit: 1536 holds"));

    // Nobody asked: the limit that held is named, and nothing is told.
    let (plain, said) = place.analyze("tiny-qwen", &["--max-new-tokens", "4", "--prune", "0.5"]);
    assert_eq!((plain.options.max_pixels, said.contains("note:")), (Some(most), false));
    assert_eq!(plain.options.prune_positions, Some(shared::PrunePositions::Kept));

    // A frame that this model has none of.
    let (padded, said) = place.analyze("tiny-qwen", &["--max-new-tokens", "4", "--fit", "pad"]);
    assert_eq!(padded.options.fit, shared::ImageFit::Crop);
    assert!(said.contains("fit pad has no effect"), "{said}");

    let list = place.folder.path().join("rows.jsonl").canonicalize().unwrap();
    let list = format!("jsonl:{}", list.display());
    let args = ["experiment", "--model", "tiny-qwen", "--dataset", &list, "--out", "out"];
    let more = ["--max-new-tokens", "4", "--samples", "0", "--max-pixels", "2000000,own"];
    let output = place.program(&[&args[..], &more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tables = std::fs::read_to_string(place.folder.path().join("out/tables.json")).unwrap();
    let tables: Tables = serde_json::from_str(&tables).unwrap();
    assert_eq!(tables.conditions.len(), 1, "two names of one limit are one condition");
    assert_eq!(tables.conditions[0].condition.max_pixels, Some(most));
    assert!(tables.notes.iter().any(|n| n.text.contains("max_pixels 2000000 is above")));
}

#[tokio::test]
async fn an_entry_that_names_a_template_the_model_lacks_is_refused_at_every_door() {
    let place = Place::with(&entry("tiny-llava", "llava-gqa", "template = \"vicuna\""));
    let lab = place.lab();
    let options = format!("{{\"model\":\"tiny-llava\",\"prompt\":\"{PROMPT}\"}}");
    let form = Form::empty().with("picture", &place.picture).with("options", options.as_bytes());
    let refused = lab.submit_form(form).await.is_error(shared::ErrorCode::BadOption);
    assert!(refused.message.contains("'vicuna'"), "{}", refused.message);
    assert!(refused.message.contains("llava-hf, vicuna-v1"), "{}", refused.message);
    let spec = "{\"models\":[\"tiny-llava\"],\"samples\":1}";
    let planned = Request::post("/api/experiments").body(Body::from(spec)).unwrap();
    let planned = lab.send(planned).await.is_error(shared::ErrorCode::BadOption);
    assert_eq!(planned.message, refused.message);
    let args = ["analyze", "--model", "tiny-llava", "--image", "p.png", "--prompt", PROMPT];
    let output = place.program(&args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("'vicuna'"), "{said}");
}

/// A copy of a tiny LLaVA whose processor pads and whose own chat template cannot be used.
fn padding_model(place: &Path) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/goldens/llava-gqa");
    let folder = place.join("padding");
    std::fs::create_dir(&folder).unwrap();
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    let processor = folder.join("preprocessor_config.json");
    let pads = std::fs::read_to_string(&processor).unwrap().replace(
        "\"image_processor_type\": \"CLIPImageProcessor\"",
        "\"image_processor_type\": \"LlavaImageProcessor\", \"do_pad\": true",
    );
    std::fs::write(processor, pads).unwrap();
    let template = "{\"chat_template\": \"{{ messages[0].role }}\"}";
    std::fs::write(folder.join("chat_template.json"), template).unwrap();
    folder
}

#[tokio::test]
async fn the_list_of_models_says_what_a_model_resolves_to_and_why_its_template_is_refused() {
    let source = TempDir::new().unwrap();
    let folder = padding_model(source.path());
    let folder = serde_json::to_string(&folder).unwrap();
    let entry = |name: &str, says: &str| {
        format!("[[model]]\nname = \"{name}\"\nsource = {{ folder = {folder} }}\n{says}\n")
    };
    let named = entry("named", "template = \"vicuna-v1\"");
    let place = Place::with(&(entry("padding", "quant = \"f32\"") + &named));
    let lab = place.lab();
    let entries: Vec<ModelEntry> = lab.get("/api/models").await.ok();
    let of = |name: &str| entries.iter().find(|m| m.name == name).unwrap();
    let padding = of("padding");
    assert_eq!(padding.fit, Some(shared::ImageFit::Pad));
    assert_eq!(padding.resize, Some(shared::Resizing::Torchvision));
    let refused = padding.template_refused.as_deref().unwrap();
    assert!(refused.contains("llava-hf or vicuna-v1"), "{refused}");
    assert_eq!(of("named").template_refused, None, "the registry names one");

    // What the list says is what a run does: refused in the same words, until one is chosen.
    let options = format!("{{\"model\":\"padding\",\"prompt\":\"{PROMPT}\"}}");
    let form = Form::empty().with("picture", &place.picture).with("options", options.as_bytes());
    let error = lab.submit_form(form).await.is_error(shared::ErrorCode::BadOption);
    assert_eq!(error.message, refused);
    let chosen = &padding.templates[0];
    let more = format!(",\"template\":\"{chosen}\",\"sampling\":{{\"repetition_penalty\":1.05}}");
    let (record, report, _) = place.page(&lab, "padding", &more).await;
    assert_eq!(record.options.template, *chosen);
    assert_eq!(report.options.fit, shared::ImageFit::Pad);
    assert_eq!(report.options.sampling.repetition_penalty, 1.05);
}
