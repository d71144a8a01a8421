//! What the words claim, and whether an answer says so.

use crate::experiment::as_compared;
use crate::options::RunOptions;

/// How prompts begin that say what the picture shows before they ask.
pub const BEGINNINGS: [&str; 2] = ["The picture shows ", "This is a photo of "];

/// What a prompt claims before it asks: its beginning, what the picture is said to show, and the
/// question. `None` of a prompt that begins otherwise.
pub fn claim_in(prompt: &str) -> Option<(&'static str, &str, &str)> {
    BEGINNINGS.into_iter().find_map(|beginning| {
        let (what, question) = prompt.strip_prefix(beginning)?.split_once(". ")?;
        Some((beginning, what, question))
    })
}

/// How prompts begin that tell what somebody sees before they ask.
pub const SEEN: &str = "I see ";

/// A prompt's beginning, what it says there, and the question: of what [`claim_in`] reads, of what begins
/// with [`SEEN`], and, with nothing said, of every other prompt.
pub fn said_in(prompt: &str) -> (&'static str, &str, &str) {
    let seen = || {
        let (what, question) = prompt.strip_prefix(SEEN)?.split_once(". ")?;
        Some((SEEN, what, question))
    };
    claim_in(prompt).or_else(seen).unwrap_or(("", "", prompt))
}

/// The prompt that says something before it asks; the question alone where nothing is said.
pub fn saying(beginning: &str, what: &str, question: &str) -> String {
    match beginning {
        "" => question.to_owned(),
        _ => format!("{beginning}{what}. {question}"),
    }
}

/// Words by which an answer denies what it names.
/// Words are split at apostrophes, so that *t* ends all of *isn't*, *can't* and *won’t*.
const DENIALS: [&str; 8] = ["no", "not", "never", "nor", "neither", "without", "cannot", "t"];
/// Beginnings of Korean words that do.
const KOREAN_DENIALS: [&str; 5] = ["아니", "아닙", "없", "않", "못"];

/// Something that the words claim.
///
/// An answer says it where it is the same text as experiments compare texts
/// ([`crate::experiment::as_compared`]), or where it names it in whole words, articles apart, and has no
/// more words of denial than the claim: *It is a dog.* says *a dog*, and *It is not a dog.* and *hot dogs* do not. In a language
/// that joins endings to its words, a word that begins with the claim's names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    text: String,
    words: Vec<String>,
}

impl Claim {
    /// A claim; `None` where it has no word.
    pub fn new(text: &str) -> Option<Self> {
        let mut words = words(text);
        let articles =
            words.iter().take_while(|word| ["a", "an", "the"].contains(&&***word)).count();
        words.drain(..articles);
        (!words.is_empty()).then(|| Claim { text: text.trim().to_owned(), words })
    }

    /// What of a claim the question does not say itself: *green* of *a green triangle* where the question
    /// is *What color is the triangle?*; the whole claim where the question says all of it or none.
    pub fn beyond(what: &str, question: &str) -> Option<Self> {
        let whole = Claim::new(what)?;
        let asked = words(question);
        let own: Vec<&str> = whole.words.iter().map(String::as_str).collect();
        let beyond: Vec<&str> =
            own.iter().copied().filter(|word| !asked.iter().any(|a| a == word)).collect();
        match beyond.is_empty() || beyond.len() == own.len() {
            true => Some(whole),
            false => Claim::new(&beyond.join(" ")),
        }
    }

    /// That of a run which is asked several times: the one that was named, else the prompt's own.
    pub fn of(options: &RunOptions) -> Option<Self> {
        let named = options.repeat.as_ref().and_then(|repeat| Claim::new(&repeat.claim));
        named.or_else(|| Claim::new(claim_in(&options.prompt)?.1))
    }

    /// The claim as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether an answer says it.
    pub fn is_said_by(&self, answer: &str) -> bool {
        if as_compared(answer) == as_compared(&self.text) {
            return true;
        }
        let said = words(answer);
        let is_it = |said: &String, claimed: &String| {
            said == claimed || (!claimed.is_ascii() && said.starts_with(claimed.as_str()))
        };
        let names = said
            .windows(self.words.len())
            .any(|some| some.iter().zip(&self.words).all(|(said, claimed)| is_it(said, claimed)));
        let denies = |word: &String| {
            DENIALS.contains(&word.as_str())
                || KOREAN_DENIALS.into_iter().any(|denial| word.starts_with(denial))
        };
        let denials = |words: &[String]| words.iter().filter(|word| denies(word)).count();
        names && denials(&said) <= denials(&self.words)
    }
}

/// The words of a text in lower case.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repeat::Repeat;

    #[test]
    fn what_a_prompt_claims_is_known_by_its_beginning() {
        let found = claim_in("The picture shows a dog. Which animal is it?");
        assert_eq!(found, Some(("The picture shows ", "a dog", "Which animal is it?")));
        assert_eq!(claim_in("What is it?"), None);
        assert_eq!(claim_in("This is a photo of a dog"), None, "it asks nothing");
        let of = |prompt: &str, claim: &str| {
            let repeat = Some(Repeat { times: 2, claim: claim.into() });
            let prompt = prompt.to_owned();
            let options = RunOptions { prompt, repeat, ..RunOptions::default() };
            Claim::of(&options).map(|claim| claim.text().to_owned())
        };
        assert_eq!(of("This is a photo of a dog. What is it?", "").as_deref(), Some("a dog"));
        assert_eq!(of("This is a photo of a dog. What is it?", " four ").as_deref(), Some("four"));
        assert_eq!(of("What is it?", " "), None);
    }

    #[test]
    fn what_is_said_before_a_question_is_told_apart_and_put_together() {
        for (prompt, beginning, what, question) in [
            ("The picture shows a dog. What is it?", "The picture shows ", "a dog", "What is it?"),
            ("I see a dog. What is it?", "I see ", "a dog", "What is it?"),
            ("What is it?", "", "", "What is it?"),
            ("I see a dog", "", "", "I see a dog"),
        ] {
            assert_eq!(said_in(prompt), (beginning, what, question));
            assert_eq!(saying(beginning, what, question), prompt);
        }
    }

    #[test]
    fn what_the_question_says_itself_is_no_claim() {
        let beyond = |what, question| Claim::beyond(what, question).map(|c| c.text().to_owned());
        let color = "What color is the triangle?";
        assert_eq!(beyond("a green triangle", color).as_deref(), Some("green"));
        assert_eq!(beyond("a dog", "Which animal is it?").as_deref(), Some("a dog"));
        assert_eq!(beyond("a dog", "Is it a dog?").as_deref(), Some("a dog"));
        assert_eq!(beyond("the", color), None);
    }

    #[test]
    fn an_answer_says_a_claim_in_whole_words_and_without_denying_it() {
        let dog = Claim::new("A dog").expect("a claim");
        for (answer, says) in [
            ("It is a dog.", true),
            ("Dog", true),
            ("A  DOG.", true),
            ("It is a cat.", false),
            ("It is not a dog.", false),
            ("No, there is no dog.", false),
            ("It isn't a dog.", false),
            ("I can't see a dog.", false),
            ("It won’t be a dog.", false),
            ("Two hotdogs.", false),
            ("", false),
        ] {
            assert_eq!(dog.is_said_by(answer), says, "{answer}");
        }
        let two = Claim::new("a hot dog").expect("a claim");
        assert!(two.is_said_by("It is a hot dog.") && !two.is_said_by("A dog, and it is hot."));
        let no = Claim::new("No, there is none.").expect("a claim");
        assert!(no.is_said_by("no, there is none"), "the same text says it whatever its words");
        let korean = Claim::new("강아지").expect("a claim");
        assert!(korean.is_said_by("강아지입니다.") && !korean.is_said_by("강아지가 아닙니다."));
        assert!(!korean.is_said_by("강아지가 보이지 않습니다."));
        let none = Claim::new("no dog").expect("a claim");
        assert!(none.is_said_by("There is no dog here.") && !none.is_said_by("It is a dog."));
        assert_eq!(Claim::new("the"), None);
    }
}
