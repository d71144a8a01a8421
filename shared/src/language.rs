//! The languages that people read.

/// A language of the page and of the [sentences](crate::sentence).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// The language of the source, and of every sentence on the wire.
    #[default]
    English,
    /// Korean.
    Korean,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 2] = [Language::English, Language::Korean];

    /// The language's tag, as `lang` attributes and links take it (BCP 47).
    pub const fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Korean => "ko",
        }
    }

    /// The language's name in itself.
    pub const fn name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::Korean => "한국어",
        }
    }

    /// The name where there is little room.
    pub const fn short(self) -> &'static str {
        match self {
            Language::English => "EN",
            Language::Korean => "한국어",
        }
    }

    /// The language of a tag such as `ko` or `ko-KR`.
    pub fn of(tag: &str) -> Option<Self> {
        let main = tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        Language::ALL.into_iter().find(|l| l.tag() == main)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_tags() {
        assert_eq!(Language::of("ko-KR"), Some(Language::Korean));
        assert_eq!(Language::of("EN"), Some(Language::English));
        assert_eq!(Language::of("de"), None);
    }
}
