//! What stands behind an option: read, or refused with a sentence that says what would be right.

use std::any::TypeId;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Command;
use clap::builder::NonEmptyStringValueParser;

use super::Failure;

/// Has every option that takes no free text take what begins with a hyphen too: whoever writes
/// `--queue -1` is told what is wrong with -1, and not that there is no option of that name.
pub(super) fn with_hyphens(command: Command) -> Command {
    let texts = [TypeId::of::<String>(), TypeId::of::<PathBuf>()];
    let is_text = |arg: &clap::Arg| {
        let kind = arg.get_value_parser().type_id();
        texts.iter().any(|text| kind == *text)
    };
    command
        .mut_args(|arg| {
            // What is not counted takes one value where it takes any.
            let always = arg.get_num_args().is_none_or(|n| n.min_values() > 0);
            let takes = arg.get_action().takes_values() && always && !is_text(&arg);
            if takes { arg.allow_hyphen_values(true) } else { arg }
        })
        .mut_subcommands(with_hyphens)
}

/// A whole number within bounds.
pub(super) fn whole<T: TryFrom<u64> + Clone + Send + Sync + 'static>(
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.trim().parse::<u64>().ok().filter(|n| (least..=most).contains(n));
        let number = number.and_then(|n| T::try_from(n).ok());
        number.ok_or_else(|| format!("write a whole number from {least} to {most}"))
    }
}

/// A number; which ones can be is said by what it is for.
pub(super) fn number(text: &str) -> Result<f64, String> {
    let number = text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    number.ok_or_else(|| "write a number, such as 0.7".to_owned())
}

/// A share of something that is dropped.
pub(super) fn share(text: &str) -> Result<f32, String> {
    let share = text.trim().parse::<f32>().ok().filter(|share| (0.0..1.0).contains(share));
    share.ok_or_else(|| "write a share from 0 to below 1, such as 0.75".to_owned())
}

/// A text that says something.
pub(super) fn text() -> NonEmptyStringValueParser {
    NonEmptyStringValueParser::new()
}

/// An address of this machine with a port.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.trim().parse().map_err(|_| {
        "write an address of this machine and a port, as 127.0.0.1:8080, [::1]:8080, or 0.0.0.0:8080 for \
         all its networks"
            .to_owned()
    })
}

/// Files that a command writes at its end can be written as far as that shows before it: each has a
/// folder, is no folder, and is no other's and none of the files that it `reads`.
pub(super) fn outputs<'p>(
    reads: impl IntoIterator<Item = &'p Path>,
    writes: impl IntoIterator<Item = (&'static str, &'p Path)>,
) -> Result<(), Failure> {
    let mut seen: Vec<(PathBuf, &str)> =
        reads.into_iter().filter_map(|file| Some((file.canonicalize().ok()?, "is read"))).collect();
    for (option, file) in writes {
        let shown = file.display();
        if file.is_dir() {
            return Err(format!("{option} {shown} is a folder: name a file"));
        }
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let Some((folder, name)) = folder.canonicalize().ok().zip(file.file_name()) else {
            return Err(format!(
                "{option} {shown} cannot be written: there is no folder {}",
                folder.display()
            ));
        };
        let whole = folder.join(name);
        // What is no ordinary file, such as /dev/null, takes whatever comes.
        if whole.exists() && !whole.is_file() {
            continue;
        }
        let whole = whole.canonicalize().unwrap_or(whole);
        if let Some((_, what)) = seen.iter().find(|(other, _)| *other == whole) {
            return Err(format!("{option} {shown} {what} too: name another file"));
        }
        seen.push((whole, "is written by another option"));
    }
    Ok(())
}

/// A folder that a command makes at its end can be made as far as that shows before it.
pub(super) fn folder(option: &str, folder: &Path) -> Result<(), Failure> {
    let stands = folder.ancestors().find(|above| above.symlink_metadata().is_ok());
    match stands {
        Some(above) if !above.is_dir() => Err(format!(
            "{option} {} cannot be a folder: {} is a file",
            folder.display(),
            above.display()
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;
    use crate::cli::Cli;

    /// Values that hardly any option takes.
    const HOSTILE: [&str; 12] = [
        "",
        "0",
        "-1",
        "-0.5",
        "-1GiB",
        "99999999999999999999999",
        "1e308",
        "NaN",
        "-inf",
        "*",
        "a,,b",
        "https://*.school",
    ];

    /// Words of parsers for those who write programs, and of a command line that took a value for an
    /// option.
    const RAW: [&str; 9] = [
        "invalid digit",
        "invalid float",
        "cannot parse",
        "number too",
        "is not in",
        "invalid socket",
        "invalid IP",
        "unexpected argument",
        "out of range",
    ];

    /// Every command below, with the words that call it.
    fn commands(command: &Command, call: &[String], all: &mut Vec<(Vec<String>, Command)>) {
        all.push((call.to_vec(), command.clone()));
        for below in command.get_subcommands() {
            commands(below, &[call, &[below.get_name().to_owned()]].concat(), all);
        }
    }

    #[test]
    fn a_value_that_cannot_be_is_refused_with_a_sentence() {
        let whole = with_hyphens(Cli::command());
        let mut all = Vec::new();
        commands(&whole, &["langoverrule".to_owned()], &mut all);
        let (mut options, mut refused) = (0, 0);
        for (call, command) in &all {
            // Hidden ones are the tests' own.
            let named = command
                .get_arguments()
                .filter(|arg| arg.get_action().takes_values() && !arg.is_hide_set());
            for name in named.filter_map(|arg| arg.get_long()) {
                options += 1;
                for value in HOSTILE {
                    let line = [&call[..], &[format!("--{name}={value}")]].concat();
                    let apart = [&call[..], &[format!("--{name}"), value.to_owned()]].concat();
                    for line in [line, apart] {
                        let Err(error) = whole.clone().try_get_matches_from(&line) else {
                            continue;
                        };
                        let said = error.to_string();
                        // Of free texts a hyphen is still the beginning of an option.
                        let is_option = error.kind() == ErrorKind::UnknownArgument;
                        if is_option
                            && value.starts_with('-')
                            && said.contains("unexpected argument")
                        {
                            let arg =
                                command.get_arguments().find(|arg| arg.get_long() == Some(name));
                            assert!(!arg.unwrap().is_allow_hyphen_values_set(), "{line:?}: {said}");
                            continue;
                        }
                        let raw = RAW.iter().find(|raw| said.contains(**raw));
                        assert_eq!(raw, None, "{line:?}: {said}");
                        refused += usize::from(error.kind() == ErrorKind::ValueValidation);
                    }
                }
            }
        }
        assert!(options > 80 && refused > 400, "{options} options, {refused} refused");
    }

    /// What is wrong, after which command, and what is said of it.
    #[test]
    fn values_out_of_bounds_are_refused_where_they_are_read() {
        let refused: [(&str, &[&str], &str); 9] = [
            (
                "serve",
                &["--queue=0", "--queue=-1", "--queue=1e9", "--queue=99999999999", "--queue="],
                "a whole number from 1 to",
            ),
            ("serve", &["--models-kept=0", "--connections=0", "--connections=7"], "a whole number"),
            ("serve", &["--grace=-1", "--grace=18446744073709551615"], "from 0 to 86400"),
            (
                "serve",
                &["--bind=8080", "--bind=localhost:80", "--bind=127.0.0.1:99999"],
                "[::1]:8080",
            ),
            (
                "serve",
                &["--per-client=runs=0", "--per-client=disk=18446744073709551615"],
                "from 1 to",
            ),
            ("worker", &["--models-kept=0"], "from 1 to"),
            (
                "experiment",
                &["--prune=NaN", "--prune=-0.1", "--prune=1", "--prune=0,,0.5", "--prune=inf"],
                "a share from 0 to below 1",
            ),
            ("experiment", &["--temperature=NaN", "--top-p=inf"], "a number"),
            (
                "bench",
                &["--runs=0", "--text-tokens=0", "--new-tokens=0", "--samples=9", "--runner=0"],
                "a whole number from",
            ),
        ];
        for (command, lines, part) in refused {
            for line in lines {
                let call = ["langoverrule", command, line];
                let error = with_hyphens(Cli::command()).try_get_matches_from(call);
                let said = error.expect_err(line).to_string();
                assert!(said.contains(part), "{line}: {said}");
            }
        }
    }

    #[test]
    fn outputs_that_cannot_be_are_told_before_anything_is_done() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        std::fs::write(at("in.png"), "x").unwrap();
        let check = |writes: &[(&'static str, &str)]| {
            let writes: Vec<_> = writes.iter().map(|(option, name)| (*option, at(name))).collect();
            outputs([&*at("in.png")], writes.iter().map(|(option, file)| (*option, &**file)))
        };
        assert_eq!(check(&[("--plot", "a.svg"), ("--record", "a.json")]), Ok(()));
        for (writes, part) in [
            (&[("--plot", "in.png")][..], "is read too"),
            (&[("--plot", "a.svg"), ("--record", "./a.svg")], "by another option"),
            (&[("--record", "nowhere/a.json")], "there is no folder"),
            (&[("--record", "")], "is a folder"),
        ] {
            let said = check(writes).expect_err(part);
            assert!(said.contains(part) && said.starts_with(writes.last().unwrap().0), "{said}");
        }
        let null = Path::new("/dev/null");
        if null.exists() {
            assert_eq!(outputs([], [("--plot", null), ("--record", null)]), Ok(()));
        }
        assert_eq!(folder("--out", &at("new/folder")), Ok(()));
        let said = folder("--out", &at("in.png/folder")).expect_err("it is a file");
        assert!(said.contains("in.png is a file"), "{said}");
    }
}
