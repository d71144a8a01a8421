//! The command line. Results go to standard output, logs and progress to standard error; a
//! failure is a status other than 0 and one sentence.

mod analyze;
mod asked;
mod backup;
mod bench;
mod datasets;
mod dump;
mod experiment;
mod health;
mod list;
mod man;
mod pull;
mod recorder;
mod repeat;
mod serve;
mod table;
mod values;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::models::catalog::{Catalog, Demos};
use crate::workers::memory::MemoryLimit;

/// What a command that failed says: one sentence.
pub type Failure = String;

/// See how much a multimodal language model looks at the words and how much at the picture.
#[derive(Debug, Parser)]
#[command(name = "langoverrule", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How logs are written to standard error.
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: LogFormat,
    /// Most memory the program may take, such as 12GiB, or unlimited; a number without a unit is of
    /// bytes, and 32MiB the least. What would take more is refused before it starts [default: on Linux what the machine and its limits leave; elsewhere
    /// nothing is refused unless this is given].
    #[arg(long, global = true, value_name = "SIZE")]
    memory_limit: Option<MemoryLimit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Lines for people.
    Text,
    /// A JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Opens the lab: the page and the API.
    Serve(serve::ServeArgs),
    /// Runs one picture and one prompt and prints the numbers.
    Analyze(analyze::AnalyzeArgs),
    /// Runs many samples under many conditions and writes the paper's tables.
    Experiment(experiment::ExperimentArgs),
    /// Experiments: lists, exports, pauses, deletes them.
    #[command(subcommand)]
    Experiments(experiment::ExperimentsCommand),
    /// Works at whatever experiment is running, beside other workers.
    Worker(experiment::WorkerArgs),
    /// Measures speed and memory on random weights.
    Bench(bench::BenchArgs),
    /// Models.
    #[command(subcommand)]
    Models(list::ModelsCommand),
    /// Datasets.
    #[command(subcommand)]
    Datasets(datasets::DatasetsCommand),
    /// Copies everything that a lab keeps, while it is at work.
    Backup(backup::BackupArgs),
    /// Brings such a copy into a new data folder.
    Restore(backup::RestoreArgs),
    /// Asks a lab whether it is well; fails where it is not.
    Health(health::HealthArgs),
    /// Writes the manual's pages.
    #[command(hide = true)]
    Man(man::ManArgs),
}

/// Where models are looked for.
#[derive(Clone, Debug, Args)]
pub struct ModelFolders {
    /// Folder of models, each in a folder of its own in Hugging Face layout
    /// [default: models/ here, then beside the program, then the one inside it].
    // Its id is not the field's name: an experiment's `--model` has a field of that name too.
    #[arg(id = "models_folder", long = "models", value_name = "DIR")]
    models: Option<PathBuf>,
    /// Folder for everything that is kept.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// The demo models are unpacked, as a release's are: for tests.
    #[arg(long, hide = true)]
    unpack: bool,
}

impl ModelFolders {
    /// The models there are. What cannot be unpacked is known and told.
    fn catalog(&self) -> Result<Catalog, Failure> {
        let demos = if self.unpack { Demos::Unpacked } else { Demos::Usual };
        let found = Catalog::find_with(self.models.as_deref(), &self.data, demos);
        found.map_err(|e| e.to_string())
    }
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let mut command = values::with_hyphens(Cli::command());
    let cli = Cli::from_arg_matches(&command.get_matches_mut());
    let cli = cli.unwrap_or_else(|error| error.format(&mut command).exit());
    log_to_stderr(cli.log_format);
    if let Some(limit) = cli.memory_limit {
        limit.say();
    }
    let result = match cli.command {
        Command::Serve(args) => serve::serve(args),
        Command::Analyze(args) => analyze::analyze(&args),
        Command::Experiment(args) => experiment::experiment(&args),
        Command::Experiments(command) => experiment::experiments(&command),
        Command::Worker(args) => experiment::worker(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Models(command) => list::models(&command),
        Command::Datasets(command) => datasets::datasets(&command),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Health(args) => health::health(&args),
        Command::Man(args) => man::man(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "langoverrule: {}", failure.trim_end_matches('.'));
            ExitCode::FAILURE
        }
    }
}

fn log_to_stderr(format: LogFormat) {
    let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Err(std::env::VarError::NotPresent) => EnvFilter::new("info"),
        said => EnvFilter::try_new(said.unwrap_or_default()).unwrap_or_else(|error| {
            let _ = writeln!(
                std::io::stderr(),
                "langoverrule: {} is no filter of logs ({error}); write one such as warn, or \
                 info,langoverrule=debug. Logs are written from info on",
                EnvFilter::DEFAULT_ENV
            );
            EnvFilter::new("info")
        }),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
    }
}

/// Writes a result to standard output.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads may have seen enough (`… | head`).
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|e| format!("the result cannot be written: {e}")),
    }
}
