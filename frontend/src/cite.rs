//! The texts by which a run is passed on: a citation for people, one for BibTeX, and the frame that
//! puts the run into a slide or a notebook. English only: they go into other people's documents.

use shared::{Definition, ModelInfo, PictureUse, RunOptions};

use crate::run::link::definition_to_text;
use crate::words;

/// The paper whose measure this is.
const PAPER: &str = "Huyu Wu, Meng Tang, Xinhan Zheng, Haiyun Jiang. When Language Overrules: \
    Revealing Text Dominance in Multimodal Large Language Models. arXiv:2508.10552, 2025.";
/// The same for BibTeX.
const PAPER_BIBTEX: &str = "@misc{wu2025language,
  title = {When Language Overrules: Revealing Text Dominance in Multimodal Large Language Models},
  author = {Wu, Huyu and Tang, Meng and Zheng, Xinhan and Jiang, Haiyun},
  year = {2025},
  eprint = {2508.10552},
  archivePrefix = {arXiv},
  primaryClass = {cs.CL},
  url = {https://arxiv.org/abs/2508.10552}
}";

/// What a citation of a run names.
#[derive(Clone, Debug, PartialEq)]
pub struct Cited<'a> {
    /// The run's name in its address.
    pub id: &'a str,
    /// What its owner calls it; empty where nobody named it.
    pub name: &'a str,
    /// The model.
    pub model: &'a ModelInfo,
    /// What was asked.
    pub options: &'a RunOptions,
    /// What is said of a run that did not finish.
    pub partial: Option<&'a str>,
    /// The definition the numbers are under.
    pub definition: &'a Definition,
    /// When it was submitted, RFC 3339.
    pub created: &'a str,
    /// The whole address, view included.
    pub address: &'a str,
    /// Version of the lab.
    pub version: &'a str,
}

impl Cited<'_> {
    fn title(&self) -> String {
        match self.name {
            "" => {
                let question = self.options.prompt.split_whitespace().collect::<Vec<_>>().join(" ");
                format!("“{question}”, asked of {}", self.model.name)
            }
            name => name.to_owned(),
        }
    }

    fn day(&self) -> &str {
        self.created.get(..10).unwrap_or(self.created)
    }

    /// What the numbers rest on.
    fn made_with(&self) -> String {
        let m = self.model;
        let mut parts = vec![
            format!("model {} ({})", m.name, m.family),
            format!("SHA-256 {}", m.hash),
            format!("weights {}", words::quant(m.quant)),
            format!("activations {}", m.dtype),
            format!("device {}", m.device),
        ];
        if !m.jpeg_decoder.is_empty() {
            parts.push(format!("JPEG decoder {}", m.jpeg_decoder));
        }
        parts.extend([
            format!("template {}", self.options.template_on(m)),
            format!("definition {}", definition_to_text(self.definition)),
        ]);
        if self.options.picture == PictureUse::Own {
            parts.push(format!("picture resized as {}", self.options.resize.name()));
        }
        parts.extend(
            words::interventions(self.options, m)
                .into_iter()
                .map(|sentence| sentence.trim_end_matches('.').to_owned()),
        );
        parts.extend(self.partial.map(str::to_owned));
        parts.join(", ")
    }

    /// The citation as plain text, with the paper's.
    pub fn plain(&self) -> String {
        format!(
            "{}. A run in LangOverrule Lab {}, {}: {}. {}\n\nMeasure: {PAPER}",
            self.title(),
            self.version,
            self.day(),
            self.made_with(),
            self.address
        )
    }

    /// The citation as BibTeX, with the paper's.
    pub fn bibtex(&self) -> String {
        let key: String = self.id.chars().take(8).collect();
        format!(
            "@misc{{langoverrule-{key},\n  title = {{{}}},\n  author = {{{{LangOverrule Lab}}}},\n  \
             year = {{{}}},\n  date = {{{}}},\n  howpublished = {{LangOverrule Lab {}}},\n  \
             note = {{{}}},\n  url = {{{}}}\n}}\n\n{PAPER_BIBTEX}",
            escaped(&self.title()),
            self.day().get(..4).unwrap_or_default(),
            self.day(),
            self.version,
            escaped(&self.made_with()),
            self.address
        )
    }
}

/// A text with BibTeX's and LaTeX's own characters taken as letters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out += "\\textbackslash{}",
            '~' => out += "\\textasciitilde{}",
            '^' => out += "\\textasciicircum{}",
            '>' => out += "\\textgreater{}",
            '<' => out += "\\textless{}",
            '{' | '}' | '%' | '&' | '#' | '$' | '_' => out.extend(['\\', c]),
            // BibTeX counts quotation marks only in fields that they delimit; these are in braces.
            _ => out.push(c),
        }
    }
    out
}

/// The frame that shows a run in another page: `address` is that of the run's embed view.
pub fn embed_code(address: &str, title: &str) -> String {
    format!(
        "<iframe src=\"{}\" title=\"{}\" width=\"100%\" height=\"420\" style=\"border:0\" \
         loading=\"lazy\"></iframe>",
        attribute(address),
        attribute(title)
    )
}

/// The same for a notebook.
pub fn notebook_code(address: &str) -> String {
    // A string of JSON is a string of Python.
    let address = serde_json::to_string(address).unwrap_or_default();
    format!("from IPython.display import IFrame\nIFrame({address}, width=\"100%\", height=420)")
}

fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{PictureUse, Preset, Quant, Resizing};

    fn model() -> ModelInfo {
        ModelInfo {
            name: "demo-llava".into(),
            family: "llava-1.5".into(),
            hash: "ab".repeat(32),
            quant: Quant::Q8_0,
            dtype: "f32".into(),
            device: "cpu".into(),
            jpeg_decoder: "libjpeg-turbo (mozjpeg)".into(),
            template: "vicuna-v1".into(),
            ..ModelInfo::default()
        }
    }

    fn with<T>(name: &str, read: impl FnOnce(&Cited) -> T) -> T {
        let options = RunOptions {
            prompt: "Is 50 % of it {red} & \"big_\"?".into(),
            picture: PictureUse::Blank,
            ..RunOptions::default()
        };
        read(&Cited {
            id: "95t9q7p2p3vpbiw6i73snag2sa",
            name,
            model: &model(),
            options: &options,
            partial: Some("partial: cancelled"),
            definition: &Preset::Forward.definition(),
            created: "2026-11-24T01:32:14.003Z",
            address: "http://127.0.0.1:8080/r/95t9q7p2p3vpbiw6i73snag2sa?def=forward",
            version: "0.1.0",
        })
    }

    #[test]
    fn a_citation_names_all_that_the_numbers_rest_on() {
        let text = with("A cat, blanked", |c| c.plain());
        assert!(text.starts_with("A cat, blanked. A run in LangOverrule Lab 0.1.0, 2026-11-24:"));
        for needed in [
            "demo-llava (llava-1.5)",
            "SHA-256 abab",
            "weights q8_0",
            "activations f32",
            "device cpu",
            "JPEG decoder libjpeg-turbo (mozjpeg)",
            "template vicuna-v1",
            "definition forward",
            "blank picture",
            "partial: cancelled",
            "/r/95t9q7p2p3vpbiw6i73snag2sa?def=forward",
            "arXiv:2508.10552",
            "Huyu Wu",
        ] {
            assert!(text.contains(needed), "no {needed} in {text}");
        }
        let own = RunOptions { resize: Resizing::Torchvision, ..RunOptions::default() };
        let text = with("", |c| Cited { options: &own, ..c.clone() }.plain());
        assert!(text.contains("picture resized as torchvision"), "{text}");
        let text = with("", |c| c.plain());
        assert!(!text.contains("resized"), "there was no picture to resize: {text}");
        assert!(
            text.starts_with("“Is 50 % of it {red} & \"big_\"?”, asked of demo-llava."),
            "{text}"
        );
    }

    #[test]
    fn bibtex_has_balanced_braces_whatever_was_asked() {
        let text = with("", |c| c.bibtex());
        assert!(text.starts_with("@misc{langoverrule-95t9q7p2,\n"), "{text}");
        assert!(text.contains(r"50 \% of it \{red\} \& "), "{text}");
        assert!(text.contains("big\\_") && text.contains("year = {2026}"), "{text}");
        assert!(text.contains("@misc{wu2025language") && text.contains("{2508.10552}"));
        let bare = text.replace("\\{", "").replace("\\}", "");
        assert_eq!(bare.matches('{').count(), bare.matches('}').count());
        // The address is kept as it is, so that it can be followed.
        assert!(
            text.contains("url = {http://127.0.0.1:8080/r/95t9q7p2p3vpbiw6i73snag2sa?def=forward}")
        );
    }

    #[test]
    fn a_frame_is_one_element_whatever_the_run_is_called() {
        let code = embed_code("http://lab/embed/x?def=forward&layer=2", "A \"cat\" <b>");
        assert!(code.contains("src=\"http://lab/embed/x?def=forward&amp;layer=2\""), "{code}");
        assert!(code.contains("title=\"A &quot;cat&quot; &lt;b&gt;\""), "{code}");
        assert_eq!((code.matches('<').count(), code.matches('>').count()), (2, 2));
        assert!(notebook_code("http://lab/embed/x").contains("IFrame(\"http://lab/embed/x\""));
    }
}
