//! Where things lie that can be made again: converted weights, and the demo models that the binary
//! carries. They go where a person's programs keep such things, not into the folder that the lab
//! happens to be called in.

use std::path::{Path, PathBuf};

/// What can be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cached {
    /// Weights as they are held in memory.
    Weights,
    /// Demo models from inside the binary.
    Models,
}

/// The folder for it: that of the data folder where an earlier version made one there, else
/// `langoverrule/…` in `XDG_CACHE_HOME` or `~/.cache`, else, without a home, in the data folder.
pub fn folder(cached: Cached, data: &Path) -> PathBuf {
    folder_from(cached, data, &|name| std::env::var(name).ok())
}

fn folder_from(cached: Cached, data: &Path, variable: &dyn Fn(&str) -> Option<String>) -> PathBuf {
    let (within, name) = match cached {
        Cached::Weights => ("cache", "weights"),
        Cached::Models => ("models", "models"),
    };
    let within = data.join(within);
    if within.is_dir() {
        return within;
    }
    let path = |name: &str| variable(name).map(PathBuf::from);
    // The specification says that a relative path is to be overlooked.
    let caches = path("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let home = || path("HOME").or_else(|| path("USERPROFILE")).filter(|path| path.is_absolute());
    match caches.or_else(|| Some(home()?.join(".cache"))) {
        Some(caches) => caches.join("langoverrule").join(name),
        None => within,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_can_be_made_again_goes_to_the_persons_cache() {
        let data = tempfile::tempdir().unwrap();
        let of = |cached, pairs: &[(&str, &str)]| {
            let variable = |name: &str| {
                pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
            };
            folder_from(cached, data.path(), &variable)
        };
        let (home, caches) = (("HOME", "/home/me"), ("XDG_CACHE_HOME", "/x"));
        assert_eq!(of(Cached::Weights, &[home, caches]), Path::new("/x/langoverrule/weights"));
        let own = Path::new("/home/me/.cache/langoverrule/models");
        assert_eq!(of(Cached::Models, &[home]), own);
        assert_eq!(of(Cached::Models, &[home, ("XDG_CACHE_HOME", "x")]), own);
        assert_eq!(of(Cached::Weights, &[]), data.path().join("cache"));
        // What an earlier version keeps there stays in use.
        std::fs::create_dir(data.path().join("cache")).unwrap();
        assert_eq!(of(Cached::Weights, &[home, caches]), data.path().join("cache"));
        assert_eq!(of(Cached::Models, &[caches]), Path::new("/x/langoverrule/models"));
    }
}
