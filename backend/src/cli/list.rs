//! `models`: which models there are.

use clap::Subcommand;
use engine::{DeviceChoice, LoadOptions, Model};
use shared::Quant;

use super::analyze::quant as quant_of;
use super::values::text;
use super::{Failure, ModelFolders, print};
use crate::models::catalog::not_in_place;
use crate::models::hub::size;
use crate::models::registry::{Entry, Origin};
use crate::workers::lab::EngineLab;
use crate::workers::memory::{self, Machine};

/// What to do with models.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Lists the models there are.
    List {
        #[command(flatten)]
        folders: ModelFolders,
    },
    /// Fetches a model from the hub, into the cache that Python's huggingface_hub uses too.
    Pull {
        /// A name from the list, or a repository: ORGANISATION/NAME[@REVISION].
        #[arg(value_parser = text())]
        model: String,
        #[command(flatten)]
        folders: ModelFolders,
    },
    /// Loads a model and says what it is, or the first thing that is wrong with it.
    Check {
        /// A model's name, its folder in Hugging Face layout, or FILE.gguf[,MMPROJ.gguf].
        #[arg(value_parser = text())]
        model: String,
        /// How weights are held [default: q8_0; as stored for GGUF files].
        #[arg(long, value_parser = text())]
        quant: Option<String>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        folders: ModelFolders,
    },
}

pub(super) fn models(command: &ModelsCommand) -> Result<(), Failure> {
    match command {
        ModelsCommand::List { folders } => list(folders),
        ModelsCommand::Pull { model, folders } => super::pull::pull(model, folders),
        ModelsCommand::Check { model, quant, json, folders } => {
            check(model, quant.as_deref(), *json, folders)
        }
    }
}

fn check(
    model: &str,
    quant: Option<&str>,
    json: bool,
    folders: &ModelFolders,
) -> Result<(), Failure> {
    let catalog = folders.catalog()?;
    let source = catalog.resolve(model).map_err(|e| e.to_string())?;
    let quant = quant.map(quant_of).transpose()?.unwrap_or_else(|| source.default_quant());
    // A look at the files needs no GPU.
    let options = LoadOptions { name: source.name.clone(), quant, device: DeviceChoice::Cpu };
    let says = |e: engine::EngineError| format!("{}: {}", e.code, e.message);
    let lab = EngineLab { device: DeviceChoice::Cpu, machine: Machine::default() };
    memory::fits(&lab, &source.folder, &options, 0).map_err(says)?;
    let model = Model::load(&source.folder, &options, &mut |_, _| {}).map_err(says)?;
    let info = model.info();
    // A picture and a short question; as much as the model reads, where that is less.
    let tokens = 1000.min(info.max_positions as usize);
    let needs = model.memory(tokens);
    if json {
        let mut object = serde_json::to_value(info).map_err(|e| e.to_string())?;
        object["memory"] = serde_json::json!({
            "load": needs.loading, "answer": needs.running, "answer_tokens": tokens,
            "processor": engine::processor(),
        });
        object["templates"] = serde_json::json!(model.templates());
        let text = serde_json::to_string_pretty(&object).map_err(|e| e.to_string())?;
        return print(&(text + "\n"));
    }
    let held: Vec<String> = info.held.iter().map(|(kind, n)| format!("{n} in {kind}")).collect();
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let mut out = format!(
        "{} is usable\n\nfiles       {}\nfamily      {}\ndecoder     {} layers, {} heads ({} \
         key heads), width {}\nvocabulary  {} tokens, at most {} positions\nparameters  {:.1} \
         million\nin memory   {:.1} MiB with decoder weights in {}\nmatrices    {}\nneeds       about {:.0} MiB to \
         load, {:.0} MiB to answer {} tokens, on {}\ntemplates   {}\nhash        {}\n",
        info.name,
        source.folder.display(),
        info.family,
        info.layers,
        info.heads,
        info.kv_heads,
        info.hidden,
        info.vocab,
        info.max_positions,
        info.parameters as f64 / 1e6,
        mib(info.bytes),
        match info.quant {
            Quant::Stored => "the files' own types",
            quant => quant.name(),
        },
        held.join(", "),
        mib(needs.loading),
        mib(needs.running),
        tokens,
        engine::processor(),
        model.templates().join(", "),
        info.hash,
    );
    if !info.fallbacks.is_empty() {
        out += &format!("\nTensors whose rows do not fit {}:\n", info.quant.name());
        for fallback in &info.fallbacks {
            out += &format!("  {fallback}\n");
        }
    }
    if !info.notes.is_empty() {
        out += "\nDone otherwise than the files say, or worth knowing:\n";
        for note in &info.notes {
            out += &format!("  {note}\n");
        }
    }
    print(&out)
}

fn list(folders: &ModelFolders) -> Result<(), Failure> {
    let catalog = folders.catalog()?;
    let known = catalog.known();
    if known.is_empty() {
        return Err("there is no model; name a folder of models with --models".to_owned());
    }
    let default = catalog.default_model().map(|m| m.name.as_str());
    let width = known.iter().map(|m| m.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for model in &known {
        let mark = if Some(model.name) == default { "*" } else { " " };
        let missing = model.missing.as_ref().map(ToString::to_string);
        let place = match (&model.source, model.entry) {
            (None, _) if missing.is_some() => missing.unwrap_or_default(),
            (Some(source), _) => match source.keeper {
                Some(keeper) => format!("{} ({keeper})", source.folder.display()),
                None => source.folder.display().to_string(),
            },
            (None, Some(entry)) => absent(entry),
            (None, None) => String::new(),
        };
        out += &format!("{mark} {:width$}  {place}\n", model.name);
    }
    let to_pull = |e: &Entry| matches!(e.origin, Origin::Hub(..));
    if known.iter().any(|m| m.source.is_none() && m.entry.is_some_and(to_pull)) {
        out += "\n`langoverrule models pull NAME` fetches one that is not here.\n";
    }
    print(&out)
}

/// How long a question takes, as it was measured.
pub fn per_question(answer_ms: u32) -> String {
    format!("about {:.0} s a question on two cores", (f64::from(answer_ms) / 1000.0).max(1.0))
}

/// What is to be known of a model before it is fetched.
fn absent(entry: &Entry) -> String {
    if let Origin::Folder(place) = &entry.origin {
        return format!("not where models.toml says it lies: {}", not_in_place(place));
    }
    let mut parts = vec!["not here".to_owned()];
    parts.extend(entry.download.map(|bytes| format!("{} to fetch", size(bytes))));
    let quant = entry.quant.unwrap_or_default();
    let need = entry.memory().into_iter().find(|m| m.quant == quant);
    parts.extend(need.map(|m| {
        let about = if m.measured { "" } else { "about " };
        format!("{about}{} of memory in {}", size(m.bytes), quant.name())
    }));
    parts.extend(entry.answer_ms.map(per_question));
    parts.extend(entry.licence.as_ref().map(|l| l.name.clone()));
    parts.join(", ")
}
