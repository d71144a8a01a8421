//! The datasets that are known by name and published on the hub.

/// A dataset on the hub, in one of its configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// What its name begins with, before the colon.
    pub kind: &'static str,
    /// The configuration's name, after the colon.
    pub config: &'static str,
    /// Whether the kind alone means this configuration.
    pub is_default: bool,
    /// One line for people.
    pub title: &'static str,
    /// The repository on the hub.
    pub repository: &'static str,
    /// The folder of its parquet files in the repository.
    pub folder: &'static str,
    /// Rows, as its card says.
    pub rows: u64,
    /// Bytes to fetch, as its card says.
    pub bytes: u64,
    /// The name of its licence, as its card says.
    pub licence: &'static str,
    /// Where its terms are.
    pub terms: &'static str,
}

/// MMMU-Pro's vision configuration; sizes and licence are those of the card of 2025-03-08.
pub(crate) const VISION: Published = Published {
    kind: "mmmu-pro",
    config: "vision",
    is_default: true,
    title: "MMMU-Pro, question and options in the picture",
    repository: "MMMU/MMMU_Pro",
    folder: "vision",
    rows: 1_730,
    bytes: 1_632_115_576,
    licence: "Apache-2.0",
    terms: "https://huggingface.co/datasets/MMMU/MMMU_Pro",
};

/// The datasets that can be fetched by name.
pub const PUBLISHED: [Published; 3] = [
    VISION,
    Published {
        config: "standard-10",
        is_default: false,
        title: "MMMU-Pro, question and up to ten options as text",
        folder: "standard (10 options)",
        bytes: 677_992_993,
        ..VISION
    },
    Published {
        config: "standard-4",
        is_default: false,
        title: "MMMU-Pro, question and up to four options as text",
        folder: "standard (4 options)",
        bytes: 677_854_263,
        ..VISION
    },
];

impl Published {
    /// The dataset of that name, with its configuration or without.
    pub fn find(name: &str) -> Option<&'static Published> {
        PUBLISHED.iter().find(|p| p.name() == name || (p.is_default && p.kind == name))
    }

    /// Its whole name, `KIND:CONFIG`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.kind, self.config)
    }

    /// The shortest name that means it.
    pub fn shortest(&self) -> String {
        if self.is_default { self.kind.to_owned() } else { self.name() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datasets_are_found_by_their_names() {
        assert_eq!(Published::find("mmmu-pro"), Some(&VISION));
        for published in &PUBLISHED {
            assert_eq!(Published::find(&published.name()), Some(published));
            assert_eq!(Published::find(&published.shortest()), Some(published));
        }
        for name in ["", "mmmu-pro:", "mmmu-pro:standard", "mmmu-pro?prompt=cot", "vision"] {
            assert_eq!(Published::find(name), None, "{name}");
        }
    }
}
