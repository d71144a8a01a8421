//! Names one after the other, as a sentence lists them.

use super::{Message, sentences};

sentences! {
    /// Names one after the other, as a sentence lists them: `a`, `a and b`, `a, b or c`.
    Listing {
        One { name: Message } = "listed_alone":
            "{name}", "{name}";
        And { some: Vec<Message>, last: Message } = "listed_and":
            "{some} and {last}", "{some} 및 {last}";
        Or { some: Vec<Message>, last: Message } = "listed_or":
            "{some} or {last}", "{some} 또는 {last}";
        Titled { names: Message, title: String } = "listed_with_title":
            "{names} ({title})", "{names}({title})";
    }
}

impl Listing {
    /// All of these.
    pub fn and(names: Vec<Message>) -> Self {
        Self::ending(names, |some, last| Listing::And { some, last })
    }

    /// One of these.
    pub fn or(names: Vec<Message>) -> Self {
        Self::ending(names, |some, last| Listing::Or { some, last })
    }

    fn ending(mut names: Vec<Message>, of: fn(Vec<Message>, Message) -> Self) -> Self {
        let last = names.pop().unwrap_or_default();
        if names.is_empty() { Listing::One { name: last } } else { of(names, last) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Language;

    #[test]
    fn names_are_listed_as_people_do() {
        let names = |n: usize| ["a", "b", "c"].into_iter().take(n).map(Message::from).collect();
        let english = |listing: Listing| listing.text(Language::English);
        assert_eq!(english(Listing::and(names(0))), "");
        assert_eq!(english(Listing::and(names(1))), "a");
        assert_eq!(english(Listing::and(names(2))), "a and b");
        assert_eq!(english(Listing::or(names(3))), "a, b or c");
        assert_eq!(Listing::or(names(3)).text(Language::Korean), "a, b 또는 c");
    }
}
