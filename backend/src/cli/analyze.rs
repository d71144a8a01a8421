//! `analyze`: one picture or sound, one prompt, all the numbers.

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use engine::{DeviceChoice, Frames, LoadOptions, SOUND_RATE};
use plots::export::RunPlot;
use shared::options::MAX_REPLICATE;
use shared::sentence::EngineRefusal;
use shared::{AskedOptions, ErrorBody, ErrorCode, Event, Observation, Quant, Repeat};

use super::asked::AskedArgs;
use super::dump::Maps;
use super::recorder::{Heads, Recording};
use super::values::{number, outputs, share, text, whole};
use super::{Failure, ModelFolders, print, repeat, table};
use crate::clock;
use crate::error::ApiError;
use crate::export::drawing::{Form, Subject, Wanted, theme_of};
use crate::export::{Observed, parse_definition};
use crate::id::RunId;
use crate::runs::samples;
use crate::workers::lab::{Decoded, KeepingLab, Lab, decode_all, film_file, media};
use crate::workers::{fidelity, memory};

/// What to analyze and how.
#[derive(Clone, Debug, Args)]
pub struct AnalyzeArgs {
    /// A model's name, its folder in Hugging Face layout, or FILE.gguf[,MMPROJ.gguf].
    #[arg(long, default_value = "demo-llava", value_parser = text())]
    model: String,
    /// The picture; given again and again, the prompt's pictures in this order.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["audio", "video", "frame"])]
    image: Vec<PathBuf>,
    /// The sound, for models that hear: a WAV file, best of 16,000 samples a second; given again and again,
    /// the prompt's sounds in this order. Another rate is resampled, and what is longer than the model
    /// hears is cut; both are told.
    #[arg(long, value_name = "FILE.wav", conflicts_with_all = ["image", "prepared"])]
    audio: Vec<PathBuf>,
    /// The film, for models that see films: an animated GIF, PNG or WebP file, or a y4m file; given again and again, the
    /// prompt's films in this order, behind its pictures. Which frames the model sees, --sampling says.
    #[arg(long, value_name = "FILE", conflicts_with = "audio")]
    video: Vec<PathBuf>,
    /// A frame of a film, a picture file; given again and again, its frames in this order, all of which the model sees.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["audio", "video"])]
    frame: Vec<PathBuf>,
    /// How many a second the frames are; may be left out with --indices.
    #[arg(long, value_name = "NUMBER", requires = "frame", value_parser = number)]
    fps: Option<f64>,
    /// How many frames a second the film has that the frames were taken of.
    #[arg(long, value_name = "NUMBER", requires = "frame", value_parser = number)]
    source_fps: Option<f64>,
    /// How many frames that film has.
    #[arg(long, value_name = "N", requires = "frame", value_parser = whole::<u32>(1, u32::MAX.into()))]
    source_frames: Option<u32>,
    /// The frames' numbers in it, from 0, joined by commas.
    #[arg(long, value_name = "N,N,…", requires = "source_fps", value_delimiter = ',',
        value_parser = whole::<u32>(0, u32::MAX.into()))]
    indices: Vec<u32>,
    /// The question.
    #[arg(long, value_parser = text())]
    prompt: String,
    /// How weights are held: f32, f16, bf16, q8_0, q6k, q5k, q4k, or stored, as the files have
    /// them [default: q8_0; stored for GGUF files].
    #[arg(long, value_parser = text())]
    quant: Option<String>,
    /// Prompt template, by name [default: the model's own].
    #[arg(long, value_parser = text())]
    template: Option<String>,
    /// Share of the image tokens to drop, 0 to below 1 [default: 0].
    #[arg(long, value_parser = share)]
    prune: Option<f32>,
    /// How many times the image tokens stand in the sequence [default: 1].
    #[arg(long, value_name = "N", value_parser = whole::<u32>(1, MAX_REPLICATE.into()))]
    replicate: Option<u32>,
    /// Most pixels of the prepared picture, for models that read any size, or cut it into tiles (one,
    /// unless told); never more than the model's own limit, which holds where more is asked, and is told.
    #[arg(long, value_name = "PIXELS", value_parser = whole::<u32>(1, u32::MAX.into()))]
    max_pixels: Option<u32>,
    #[command(flatten)]
    asked: AskedArgs,
    /// What drawn tokens follow from: the same seed gives the same answer [default: 0].
    #[arg(long, value_name = "NUMBER", value_parser = whole::<u32>(0, u32::MAX.into()))]
    seed: Option<u32>,
    /// Ask so many times, 2 to 32, each time drawing from another seed, and print how often each answer
    /// comes, how often it is what the words claim, and how MDI spreads [default: once].
    #[arg(long, value_name = "N", value_parser = whole::<u32>((*Repeat::TIMES.start()).into(), (*Repeat::TIMES.end()).into()))]
    times: Option<u32>,
    /// What the words claim, such as "a dog", for --times to count [default: what the prompt says where it
    /// begins with "The picture shows …" or "This is a photo of …"].
    #[arg(long, value_name = "TEXT", requires = "times", value_parser = text())]
    claim: Option<String>,
    /// paper, reimplementation, forward, or a definition as JSON. With several pictures paper:2 holds
    /// the words against the second, paper:1/2 the first against the second.
    #[arg(long, default_value = "paper", value_parser = text())]
    definition: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Write every attention map to a safetensors file.
    #[arg(long, value_name = "FILE")]
    dump_attention: Option<PathBuf>,
    /// Most memory the maps may take, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 1024, requires = "dump_attention",
        value_parser = whole::<u64>(1, 1 << 30))]
    map_budget_mib: u64,
    /// Write the whole run as JSON, as the API gives it.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Write the rows by head of the answer, zstd-compressed MessagePack, as a shipped run has them.
    #[arg(long, value_name = "FILE")]
    record_heads: Option<PathBuf>,
    /// Draw a plot or the card as SVG or PNG, by the file's ending: FILE for the curve (with --times that
    /// of all answers, with its band), or KIND=FILE with curve, heads, flow, words, map, tokens, repeat or
    /// card. FILE.html is all of the run in one document. May be given again and again.
    #[arg(long, value_name = "[KIND=]FILE")]
    plot: Vec<PlotFile>,
    /// Theme of what is drawn: light, dark or projector.
    #[arg(long, value_name = "NAME", default_value = "light", requires = "plot",
        value_parser = text())]
    theme: String,
    /// Write the picture as the model sees it; further pictures beside it as FILE.2.png and so on.
    #[arg(long, value_name = "FILE.png")]
    prepared: Option<PathBuf>,
    /// Run again unobserved, and in f32 where that fits, and say whether anything differs.
    #[arg(long)]
    verify: bool,
    /// What the model runs on: auto, cpu or cuda:0.
    #[arg(long, default_value_t)]
    device: DeviceChoice,
    #[command(flatten)]
    folders: ModelFolders,
}

/// A file that something is drawn into.
#[derive(Clone, Debug)]
struct PlotFile {
    /// What was named; nothing for the curve.
    subject: Option<Subject>,
    form: Form,
    file: PathBuf,
}

impl FromStr for PlotFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named =
            text.split_once('=').and_then(|(kind, file)| Some((Subject::from_name(kind)?, file)));
        // What is no kind belongs to the file's name.
        let (subject, file) = named.map_or((None, text), |(subject, file)| (Some(subject), file));
        let file = PathBuf::from(file);
        let ending = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let form = match ending.to_ascii_lowercase().as_str() {
            "svg" => Form::Svg,
            "png" => Form::Png,
            // There is one document, with everything in it.
            "html" if matches!(subject, None | Some(Subject::Document)) => {
                return Ok(PlotFile { subject: Some(Subject::Document), form: Form::Html, file });
            }
            _ => {
                return Err(
                    "name a file that ends in .svg or .png, or in .html for all of the run \
                            in one document"
                        .to_owned(),
                );
            }
        };
        if subject == Some(Subject::Document) {
            return Err("a document is HTML: name a file that ends in .html".to_owned());
        }
        Ok(PlotFile { subject, form, file })
    }
}

impl AnalyzeArgs {
    /// What is to be written can be, before an answer is waited for.
    fn outputs(&self) -> Result<(), Failure> {
        let one = [
            ("--dump-attention", &self.dump_attention),
            ("--record", &self.record),
            ("--record-heads", &self.record_heads),
            ("--prepared", &self.prepared),
        ];
        let one = one.into_iter().filter_map(|(option, file)| Some((option, &**file.as_ref()?)));
        let plots = self.plot.iter().map(|plot| ("--plot", &*plot.file));
        let read = self.image.iter().chain(&self.audio).chain(&self.video).chain(&self.frame);
        let read = read.map(PathBuf::as_path);
        outputs(read, one.chain(plots))?;
        match self.prepared.is_some() && self.asked.shows_no_picture() {
            true => {
                Err("--prepared writes the picture that the model saw, and with --picture none it \
                         sees none: leave one of them out"
                    .to_owned())
            }
            false => Ok(()),
        }
    }
}

/// Most bytes of a medium's file that are read.
const MOST_OF_A_FILE: u64 = 256 << 20;

/// A medium's file; `what` it is said to be.
fn read(file: &Path, what: &str) -> Result<Vec<u8>, Failure> {
    let at = file.display();
    let read = std::fs::File::open(file).and_then(|opened| {
        let mut bytes = Vec::new();
        opened.take(MOST_OF_A_FILE + 1).read_to_end(&mut bytes).map(|_| bytes)
    });
    match read {
        Ok(bytes) if bytes.len() as u64 > MOST_OF_A_FILE => {
            Err(format!("the {what} {at} is larger than {} MiB", MOST_OF_A_FILE >> 20))
        }
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(format!("the {what} {at} cannot be read: {error}")),
    }
}

fn slices(files: &[Vec<u8>]) -> Vec<&[u8]> {
    files.iter().map(Vec::as_slice).collect()
}

pub(super) fn analyze(args: &AnalyzeArgs) -> Result<(), Failure> {
    let says = |ApiError(body): ApiError| format!("{}: {}", body.code, body.message);
    let definition = parse_definition(&args.definition).map_err(says)?;
    let theme = theme_of(&args.theme).map_err(says)?;
    args.outputs()?;
    let catalog = args.folders.catalog()?;
    let source = catalog.resolve(&args.model).map_err(|e| e.to_string())?;
    let options = catalog.resolved(&source, &asked(args)?).map_err(says)?;
    let quant = options.quant;
    for changed in &options.changed {
        let _ = writeln!(std::io::stderr(), "note: {changed}");
    }
    let created = clock::now_rfc3339();

    let all = |files: &[PathBuf], what: &str| {
        files.iter().map(|file| read(file, what)).collect::<Result<Vec<_>, Failure>>()
    };
    let mut files = all(&args.image, "picture")?;
    for file in all(&args.audio, "sound")? {
        if shared::sound_type(&file).is_none() {
            let no_sound = ErrorBody::new(ErrorCode::WrongContentType, EngineRefusal::NoSound);
            return Err(says(ApiError(no_sound)));
        }
        files.push(file);
    }
    let says = |e: engine::EngineError| format!("{}: {}", e.code, e.message);
    for file in all(&args.video, "film")? {
        files.push(film_file(&file).map_err(says)?);
    }
    if !args.frame.is_empty() {
        let AnalyzeArgs { fps, source_fps, source_frames, indices, .. } = args;
        let (fps, source_fps, source_frames) = (*fps, *source_fps, *source_frames);
        let said = Frames { fps, source_fps, source_frames, indices: indices.clone() };
        if said == Frames::default() {
            return Err(
                "frames need their rate: say --fps, or --indices with --source-fps".to_owned()
            );
        }
        files.push(said.packed(&all(&args.frame, "frame")?));
    }
    let lab = KeepingLab::in_data(args.device, &args.folders.data);
    let decoded = decode_all(&lab, &slices(&files)).map_err(says)?;
    for medium in &decoded {
        if let Decoded::Sound(sound) = medium
            && sound.rate != SOUND_RATE
        {
            let rate = sound.rate;
            let _ = writeln!(
                std::io::stderr(),
                "note: a sound of {rate} samples a second is resampled to {SOUND_RATE}"
            );
        }
    }
    let media = media(&decoded);
    let load = LoadOptions { name: source.name.clone(), quant, device: args.device };
    memory::fits(&lab, &source.folder, &load, 0).map_err(says)?;
    let model = lab.load(&source.folder, &load, &mut progress()).map_err(says)?;
    let mut recording = Recording::start();
    let prepared = model.prepare(&media, &options).map_err(says)?;
    // What only shows once the media are known: a sound that is cut.
    for changed in prepared.options().changed.iter().filter(|c| !options.changed.contains(c)) {
        let _ = writeln!(std::io::stderr(), "note: {changed}");
    }
    let mut maps = match args.dump_attention {
        None => None,
        Some(_) => {
            let budget = args.map_budget_mib.saturating_mul(1 << 20);
            let most = options.max_new_tokens;
            Some(Maps::new(model.info(), prepared.prompt_tokens(), most, budget)?)
        }
    };
    let info = model.info().clone();
    let heads = args.record_heads.as_ref().map(|_| Heads::default());
    let (summary, tape) =
        recording.run(&*prepared, info, maps.as_mut(), heads.clone()).map_err(says)?;
    if let Some(tape) = tape {
        let mut seen = Observation::default();
        recording.events().for_each(|event| seen.apply(event));
        let observed = fidelity::VerifiedRun {
            tape: &tape,
            seen: &seen,
            prepared: &*prepared,
            model: model.info(),
            source: &source,
            media: &media,
            options: &options,
        };
        let go_on = || engine::Control::Continue(());
        if let Some(fidelity) = observed.fidelity(&lab, go_on).map_err(says)? {
            recording.push(Event::Verified { fidelity });
        }
    }
    repeat::repeat(&mut recording, &*model, &media, &options, &summary).map_err(says)?;
    recording.push(Event::Done { summary: summary.clone() });

    if let Some(file) = &args.prepared {
        let png = prepared.picture_png(0);
        write(file, &png.ok_or("bad_option: there is no prepared picture: the model saw none")?)?;
        for (number, png) in (1..).map_while(|i| Some((i + 1, prepared.picture_png(i)?))) {
            write(&file.with_extension(format!("{number}.png")), &png)?;
        }
    }
    let observed = Observed::of(recording.events())
        .ok_or_else(|| "internal: the model laid out no prompt".to_owned())?;
    let report = observed.report(&definition, false);
    for plot in &args.plot {
        let curve = if options.repeat.is_some() { RunPlot::Repeat } else { RunPlot::Curve };
        let subject = plot.subject.unwrap_or(Subject::Plot(curve));
        let wanted = Wanted { theme, ..Wanted::new(subject, plot.form, definition) };
        let medium = usize::from(wanted.medium(&observed));
        let picture = prepared.picture_png(medium).filter(|_| subject.has_picture());
        let drawn = wanted.draw(&observed, "analyze", picture.as_deref());
        let drawn = drawn.map_err(|ApiError(e)| format!("{}: {}", e.code, e.message))?;
        write(&plot.file, &drawn)?;
    }
    if let (Some(maps), Some(file)) = (maps, &args.dump_attention) {
        maps.write(file, &report.layout.tokens, summary.tokens as usize)?;
    }
    if let Some(file) = &args.record {
        let id = RunId::random().map_err(|e| e.to_string())?;
        let record = recording.record(&id, created, options);
        write(file, &serde_json::to_vec(&record).map_err(|e| e.to_string())?)?;
    }
    if let (Some(heads), Some(file)) = (heads, &args.record_heads) {
        write(file, &samples::pack(&heads.take())?)?;
    }
    if args.json {
        let json = serde_json::to_string(&report).map_err(|e| e.to_string())?;
        return print(&(json + "\n"));
    }
    let several = report.repeat.as_ref().map(repeat::table).unwrap_or_default();
    print(&(table::table(&report) + &several))
}

/// The quantization of that name.
pub(super) fn quant(name: &str) -> Result<Quant, Failure> {
    Quant::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Quant::ALL.into_iter().map(Quant::name).collect();
        let names = names.join(", ");
        format!("bad_option: there is no quantization \"{name}\"; name one of {names}")
    })
}

fn asked(args: &AnalyzeArgs) -> Result<AskedOptions, Failure> {
    Ok(AskedOptions {
        model: args.model.clone(),
        prompt: args.prompt.clone(),
        quant: args.quant.as_deref().map(quant).transpose()?,
        template: args.template.clone(),
        prune: args.prune,
        replicate: args.replicate,
        max_pixels: args.max_pixels,
        repeat: args
            .times
            .map(|times| Repeat { times, claim: args.claim.clone().unwrap_or_default() }),
        verify: Some(args.verify),
        ..args.asked.options(args.seed)?
    })
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(file, bytes).map_err(|e| format!("{} cannot be written: {e}", file.display()))
}

/// Shows loading on a terminal.
fn progress() -> impl FnMut(u64, u64) {
    let shown = std::io::stderr().is_terminal();
    let mut last = None;
    move |bytes, total| {
        let percent = (bytes * 100).checked_div(total).unwrap_or(100);
        if shown && last != Some(percent) {
            last = Some(percent);
            let end = if bytes >= total { "\n" } else { "" };
            let _ = write!(std::io::stderr(), "\rloading the model {percent:3} %{end}");
        }
    }
}
