//! Where the lab lies below its host.
//!
//! Behind a proxy that serves it at `/lab/`, every address of the page begins with `/lab`. Inside, the
//! page speaks of addresses as if it lay at the top (`/r/ID`, `/api/runs`); [`at`] makes of them what a
//! browser is to be given, and [`inside`] takes away what a browser's address has in front. The place is
//! found from where the page's own script came from, so nobody has to name it.

#[cfg(target_arch = "wasm32")]
use std::sync::OnceLock;

/// The folder that the page's first script was loaded from, below its host: empty at the top.
#[cfg(target_arch = "wasm32")]
pub fn base() -> &'static str {
    static BASE: OnceLock<String> = OnceLock::new();
    BASE.get_or_init(|| {
        let script =
            leptos::prelude::document().query_selector("script[src$='theme.js']").ok().flatten();
        let source = script.and_then(|script| script.get_attribute("src")).unwrap_or_default();
        let here = leptos::prelude::document().document_uri().unwrap_or_default();
        let source = web_sys::Url::new_with_base(&source, &here);
        source.map_or(String::new(), |url| folder(&url.pathname()).to_owned())
    })
}

/// The tests of what is no page run at the top.
#[cfg(not(target_arch = "wasm32"))]
pub fn base() -> &'static str {
    ""
}

/// An address of the lab (`/r/ID`) as a browser is to be given it.
pub fn at(address: &str) -> String {
    format!("{}{address}", base())
}

/// A path as a browser has it, without what lies in front of the lab.
pub fn inside(path: &str) -> &str {
    within(base(), path)
}

fn within<'p>(base: &str, path: &'p str) -> &'p str {
    match path.strip_prefix(base) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        // Not below it: a place that has no name here.
        _ => path,
    }
}

/// The folder of a file, without the slash at its end.
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "the page's, and tested here"))]
fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_the_first_script_is_the_base() {
        assert_eq!(folder("/theme.js"), "");
        assert_eq!(folder("/lab/theme.js"), "/lab");
        assert_eq!(folder("/user/ada/proxy/8080/theme.js"), "/user/ada/proxy/8080");
    }

    #[test]
    fn paths_are_read_below_the_base() {
        assert_eq!(within("", "/r/x"), "/r/x");
        assert_eq!(within("/lab", "/lab/r/x"), "/r/x");
        assert_eq!(within("/lab", "/lab"), "/");
        assert_eq!(within("/lab", "/lab/"), "/");
        assert_eq!(within("/lab", "/laboratory"), "/laboratory");
    }
}
