//! Which runs are beside each other and how they are looked at, as the query of an address:
//! `?runs=A,B&def=forward&layer=5&curve=aei`.

use shared::Definition;

use crate::run::link::{Curve, definition_from_text, definition_to_text, is_name};

pub use plots::comparison::MOST;

/// What the comparison shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compared {
    /// The runs' names; the others are compared with the first.
    pub runs: Vec<String>,
    /// What counts as what, for all.
    pub definition: Definition,
    /// The layer that stays chosen in all.
    pub layer: Option<usize>,
    /// What the curves are.
    pub curve: Curve,
}

impl Compared {
    /// The query string, without `?`.
    pub fn to_query(&self) -> String {
        let mut parts = vec![format!("runs={}", self.runs.join(","))];
        if self.definition != Definition::default() {
            parts.push(format!("def={}", definition_to_text(&self.definition)));
        }
        parts.extend(self.layer.map(|layer| format!("layer={layer}")));
        if self.curve == Curve::Aei {
            parts.push("curve=aei".into());
        }
        parts.join("&")
    }

    /// The address inside the lab.
    pub fn address(&self) -> String {
        format!("/compare?{}", self.to_query())
    }

    /// Reads a query string, and names what in it cannot be read.
    pub fn read(query: &str) -> (Self, Vec<String>) {
        let (mut found, mut wrong) = (Compared::default(), Vec::new());
        for part in query.trim_start_matches('?').split('&') {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key {
                "runs" => {
                    // Browsers and programs may write a comma either way.
                    let value = value.replace("%2C", ",").replace("%2c", ",");
                    for name in value.split(',').filter(|n| !n.is_empty()) {
                        match is_name(name) {
                            true if found.runs.iter().any(|n| n == name) => {}
                            true if found.runs.len() < MOST => found.runs.push(name.to_owned()),
                            _ => wrong.push(name.to_owned()),
                        }
                    }
                }
                "def" => match definition_from_text(value) {
                    Some(definition) => found.definition = definition,
                    None => wrong.push(part.to_owned()),
                },
                "layer" => match value.parse() {
                    Ok(layer) => found.layer = Some(layer),
                    Err(_) => wrong.push(part.to_owned()),
                },
                "curve" if value == "aei" => found.curve = Curve::Aei,
                // Other settings may come from whoever passed the link on, and say nothing here.
                _ => {}
            }
        }
        (found, wrong)
    }
}

/// The runs that a link names: of one run, of an embedded one, or of a comparison; or a bare name.
pub fn runs_of(link: &str) -> Vec<String> {
    let link = link.trim();
    if is_name(link) {
        return vec![link.to_owned()];
    }
    if let Some((_, query)) = link.split_once("/compare?") {
        return Compared::read(query.split('#').next().unwrap_or_default()).0.runs;
    }
    let name = ["/r/", "/embed/"].into_iter().find_map(|place| {
        let rest = link.split_once(place)?.1;
        rest.split(['?', '#', '/']).next()
    });
    name.filter(|n| is_name(n)).map(|n| vec![n.to_owned()]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Preset;

    const A: &str = "95t9q7p2p3vpbiw6i73snag2sa";
    const B: &str = "nqgqqkedysbj34mv8c9hzwxyab";

    #[test]
    fn a_comparison_survives_its_link() {
        let view = Compared {
            runs: vec!["sample".into(), A.into(), B.into()],
            definition: Preset::Forward.definition(),
            layer: Some(5),
            curve: Curve::Aei,
        };
        assert_eq!(view.to_query(), format!("runs=sample,{A},{B}&def=forward&layer=5&curve=aei"));
        assert_eq!(Compared::read(&view.to_query()), (view.clone(), vec![]));
        let escaped = view.to_query().replace(',', "%2C");
        assert_eq!(Compared::read(&format!("?{escaped}&utm_source=mail")).0, view);
    }

    #[test]
    fn what_cannot_be_read_is_named_and_a_run_stands_once() {
        let (view, wrong) = Compared::read(&format!("runs={A},../x,{A}&def=papr&layer=x"));
        assert_eq!(view, Compared { runs: vec![A.into()], ..Compared::default() });
        assert_eq!(wrong, ["../x", "def=papr", "layer=x"]);
        let many: Vec<String> = (0..9).map(|i| format!("{}{i}", &A[1..])).collect();
        let (view, wrong) = Compared::read(&format!("runs={}", many.join(",")));
        assert_eq!((view.runs.len(), wrong.len()), (MOST, 3));
    }

    #[test]
    fn runs_are_found_in_links_of_every_kind() {
        let lab = "http://127.0.0.1:8080";
        for link in [
            A.to_owned(),
            format!(" {lab}/r/{A}?def=forward&layer=2 "),
            format!("{lab}/r/{A}/"),
            format!("{lab}/embed/{A}#x"),
            format!("/r/{A}"),
        ] {
            assert_eq!(runs_of(&link), [A], "{link}");
        }
        assert_eq!(runs_of(&format!("{lab}/compare?runs={A},{B}&layer=3")), [A, B]);
        for link in ["", "https://example.org/", "/r/", "/e/abc", "a picture of a dog, I think.."] {
            assert!(runs_of(link).is_empty(), "{link}");
        }
    }
}
