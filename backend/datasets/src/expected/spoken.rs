//! How people of many languages say which letter they mean.

/// Words for *answer*, in lower case. What follows one of them, with or without a word for *is*, is the
/// answer.
const ANSWERS: [&str; 30] = [
    "answer",
    "정답",
    "답변",
    "답안",
    "답",
    "答え",
    "正解",
    "回答",
    "解答",
    "答案",
    "respuesta",
    "resposta",
    "réponse",
    "reponse",
    "antwort",
    "antwoord",
    "risposta",
    "ответ",
    "відповідь",
    "odpowiedź",
    "odpověď",
    "cevap",
    "yanıt",
    "đáp án",
    "câu trả lời",
    "jawaban",
    "jawabannya",
    "الإجابة",
    "उत्तर",
    "คำตอบ",
];

/// What may stand between such a word and the answer: *is*, *correct*, particles.
const IS: [&str; 36] = [
    "is",
    "are",
    "es",
    "é",
    "est",
    "ist",
    "is",
    "è",
    "это",
    "är",
    "er",
    "jest",
    "to",
    "adalah",
    "là",
    "correcta",
    "correta",
    "correcte",
    "corretta",
    "richtig",
    "하는",
    "은",
    "는",
    "이",
    "가",
    "は",
    "が",
    "是",
    "为",
    "為",
    "应该是",
    "應該是",
    "هي",
    "هو",
    "คือ",
    "—",
];

/// Words for *option*, in lower case.
const OPTIONS: [&str; 17] = [
    "option",
    "choice",
    "letter",
    "opción",
    "opcion",
    "opção",
    "opzione",
    "choix",
    "lettre",
    "buchstabe",
    "вариант",
    "보기",
    "선택지",
    "选项",
    "選項",
    "選択肢",
    "选择",
];

/// Words in lower case that follow a letter rather than the article or the pronoun. No noun of
/// another language is among them: French *car* is English *a car*.
const AFTER_LETTER: [&str; 23] = [
    "and",
    "because",
    "but",
    "is",
    "nor",
    "or",
    "seems",
    "since",
    "porque",
    "pues",
    "ya",
    "es",
    "parce",
    "et",
    "ou",
    "est",
    "weil",
    "denn",
    "und",
    "oder",
    "ist",
    "perché",
    "потому",
];

/// Pairs of a word of one letter and a word that begin a sentence although the second one could
/// follow a letter: *o es*, *y ya* (Spanish), *i es* (Catalan).
const NO_LETTER: [(char, &str); 5] =
    [('o', "es"), ('y', "es"), ('y', "ya"), ('o', "ya"), ('i', "es")];

/// Words between two letters neither of which is chosen alone, where no blank need part them.
const BETWEEN: [&str; 14] = [
    "또는",
    "혹은",
    "이나",
    "나",
    "와",
    "과",
    "및",
    "または",
    "や",
    "と",
    "或",
    "和",
    "与",
    "或者",
];

/// Words between two letters that are written apart.
const CONJUNCTIONS: [&str; 28] = [
    "and", "or", "nor", "y", "o", "u", "e", "et", "ou", "und", "oder", "en", "of", "og", "och",
    "eller", "i", "lub", "a", "nebo", "ve", "veya", "dan", "atau", "và", "hoặc", "и", "или",
];

/// Whether a word in lower case follows this letter rather than a word of one letter.
pub(super) fn follows_letter(letter: char, word: &str) -> bool {
    AFTER_LETTER.contains(&word) && !NO_LETTER.contains(&(letter.to_ascii_lowercase(), word))
}

/// Words that say of the letter before them, perhaps behind a word for *is*, that it is wrong.
const WRONG: [&str; 14] = [
    "wrong",
    "incorrect",
    "false",
    "isnt",
    "arent",
    "wasnt",
    "incorrecta",
    "incorreta",
    "errada",
    "nest",
    "fausse",
    "falsch",
    "sbagliata",
    "неверно",
];

/// Words for *not*: beside a word for *is* behind a letter, or before it.
const NOT: [&str; 14] = [
    "not", "no", "never", "neither", "nor", "except", "não", "pas", "nicht", "kein", "non", "niet",
    "nie", "не",
];

/// The same in scripts that need no blank behind the letter.
const NOT_JOINED: [&str; 14] = [
    "가 아니",
    "이 아니",
    "는 아니",
    "은 아니",
    "번이 아니",
    "는 틀",
    "은 틀",
    "가 틀",
    "번은 틀",
    "不是",
    "不对",
    "不對",
    "ではな",
    "ではあり",
];

/// Whether a letter is said to be wrong by what stands before or behind it.
pub(super) fn is_refused(before: &str, after: &str) -> bool {
    let after = after.trim_start_matches([')', ']', '}']);
    if NOT_JOINED.iter().any(|not| after.starts_with(not)) {
        return true;
    }
    let plain = |word: &str| word.trim_end_matches(['.', ',', ';', '!', ':', '?']).to_lowercase();
    let links = |word: &str| IS.contains(&word) || OPTIONS.contains(&word);
    let mut words = after.split_whitespace().map(plain);
    let (one, two) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (is_wrong, is_not) = (|word: &str| WRONG.contains(&word), |word: &str| NOT.contains(&word));
    let behind = is_wrong(&one)
        || (links(&one) && (is_wrong(&two) || is_not(&two)))
        || (is_not(&one) && links(&two));
    // A comma or stop before a letter begins something else: "No, B".
    let bare = |word: &&str| !word.ends_with(['.', ',', ';', '!', ':', '?']);
    let mut words = before.trim_end_matches(['(', '[', '{', ' ']).rsplit(' ').take_while(bare);
    let ahead = words.by_ref().take(3).map(str::to_lowercase).find(|word| !links(word));
    behind || ahead.is_some_and(|word| is_not(&word))
}

/// Whether another letter is named together with the one before this: "or B", ", B.", "/B".
fn names_another(after: &str) -> bool {
    // What follows a letter that stands alone, if one comes next.
    let letter = |text: &str| -> Option<usize> {
        let inside = text.trim_start_matches([' ', '(', '[']);
        let rest = inside.strip_prefix(|c: char| c.is_ascii_alphabetic())?;
        let rest = rest.trim_start_matches([')', ']']);
        (!rest.starts_with(joins)).then_some(text.len() - rest.len())
    };
    let after = after.trim_start_matches([')', ']', ' ']);
    if let Some(more) = after.strip_prefix(',') {
        // A letter before a word may begin a clause: "A, B is a cat".
        let is_last = |end: usize| !more[end..].starts_with(' ') || names_another(&more[end..]);
        return letter(more).is_some_and(is_last) || names_another(more);
    }
    let between = BETWEEN.iter().find_map(|word| after.strip_prefix(word));
    if let Some(more) = after.strip_prefix(['/', '&', '+']).or(between) {
        return letter(more).is_some();
    }
    let (word, more) = after.split_once(' ').unwrap_or_default();
    CONJUNCTIONS.contains(&word.to_lowercase().as_str()) && letter(more).is_some()
}

/// Whether a character beside a letter makes it part of a word. Particles of Korean and Japanese, and
/// whatever is written without blanks, do not.
pub(super) fn joins(c: char) -> bool {
    let alphabet =
        matches!(c, '\u{C0}'..='\u{24F}' | '\u{370}'..='\u{52F}' | '\u{1E00}'..='\u{1FFF}');
    c.is_ascii_alphanumeric() || c == '-' || (alphabet && c.is_alphabetic())
}

/// A text without quotes and marks of emphasis, with wide letters and brackets made narrow ones.
pub(super) fn unquoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // Turkish parts an ending from a name: B'dir. French drops a vowel: C'est.
            '\'' | '’' if out.ends_with(|c: char| c.is_ascii_uppercase()) && ending(&chars) => {
                out.push(' ');
            }
            '*' | '`' | '$' | '"' | '\'' | '“' | '”' | '‘' | '’' | '_' => {}
            '「' | '」' | '『' | '』' | '«' | '»' | '„' => {}
            '【' | '〔' | '［' => out.push('['),
            '】' | '〕' | '］' => out.push(']'),
            '。' => out.push('.'),
            '、' => out.push(','),
            '\u{FF01}'..='\u{FF5E}' => {
                out.push(char::from_u32(c as u32 - 0xFEE0).unwrap_or(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Whether a Turkish ending comes next: two small letters, the first a consonant, for the names of
/// all letters end in vowels.
fn ending(chars: &std::iter::Peekable<std::str::Chars>) -> bool {
    let mut next = chars.clone();
    next.next().is_some_and(|c| c.is_ascii_lowercase() && !"aeiouh".contains(c))
        && next.next().is_some_and(char::is_lowercase)
}

/// What follows the last word for *answer*, where it is followed by a colon or a word for *is*.
#[derive(Clone, Copy)]
pub(super) struct Answered<'t> {
    pub(super) rest: &'t str,
    /// The word for *answer*.
    word: &'static str,
}

/// What an answer says after *answer is*, if it does.
pub(super) fn after_answer(text: &str) -> Option<Answered<'_>> {
    let mut last: Option<Answered> = None;
    for word in ANSWERS {
        for (at, len) in places(text, word) {
            let Some(rest) = after_is(&text[at + len..], word == "answer") else { continue };
            // Of words that end at different places, the later one.
            if last.is_none_or(|last| rest.len() < last.rest.len()) {
                last = Some(Answered { rest, word });
            }
        }
    }
    last
}

/// What follows a colon or a word for *is*; in English one of them is needed, for *answer* is a verb.
fn after_is(text: &str, needed: bool) -> Option<&str> {
    let mut rest = text.trim_start();
    let mut said = false;
    loop {
        let before = rest.len();
        if let Some(after) = rest.strip_prefix([':', '-', '–']) {
            (rest, said) = (after.trim_start(), true);
        }
        for is in IS {
            let Some((0, len)) = places(rest, is).next() else { continue };
            let after = &rest[len..];
            // A word ends where it is written apart; a particle ends anywhere.
            let ends = !is.ends_with(joins) || !after.starts_with(joins);
            if ends && !after.is_empty() {
                (rest, said) = (after.trim_start(), true);
                break;
            }
        }
        if rest.len() == before {
            break;
        }
    }
    let apart = text.starts_with(|c: char| c.is_whitespace());
    ((said || (!needed && apart)) && !rest.is_empty()).then_some(rest)
}

impl<'t> Answered<'t> {
    /// The letter that it begins with, whatever its case, where a particle or a sign follows at once.
    pub(super) fn letter(self) -> Option<&'t str> {
        let text = self.rest.trim_start_matches(['(', '[', '{']);
        let first = text.chars().next().filter(char::is_ascii_alphabetic)?;
        let after = &text[1..];
        if names_another(after) || is_refused("", after) {
            return None;
        }
        let parted = after.chars().next().is_none_or(|c| !joins(c) && !c.is_whitespace());
        // Capitals are read by the rules for capitals, but for those with a particle.
        if parted
            || (first.is_ascii_uppercase() && after.trim_start().starts_with(|c: char| !joins(c)))
        {
            return Some(&text[..1]);
        }
        let next = after.strip_prefix(' ')?.split_whitespace().next()?;
        let french = matches!(self.word, "réponse" | "reponse");
        (follows_letter(first, next) || (french && next == "car")).then(|| &text[..1])
    }
}

/// The letters that follow a word for *option*, and whether they are said to be wrong.
pub(super) fn after_option(text: &str) -> Vec<(char, bool)> {
    let mut found = Vec::new();
    for word in OPTIONS {
        for (at, len) in places(text, word) {
            let rest = text[at + len..].trim_start_matches([' ', '(', '[', ':']);
            let mut chars = rest.chars();
            let Some(first) = chars.next().filter(char::is_ascii_alphabetic) else { continue };
            let next = chars.next();
            let small = first.is_ascii_lowercase();
            // A small letter before a blank may be an article: "option a cat would take".
            let ends = next.is_none_or(|c| !(joins(c) || small && c == ' '));
            if ends && rest.len() < text.len() - at - len + usize::from(!word.ends_with(joins)) {
                found.push((first, is_refused(&text[..at], &rest[1..])));
            }
        }
    }
    found
}

/// Where a word occurs, whatever its case, and how long it is there. It begins where no other word
/// does.
pub(super) fn places<'t>(
    text: &'t str,
    word: &'t str,
) -> impl Iterator<Item = (usize, usize)> + 't {
    text.char_indices().filter_map(move |(at, _)| {
        let mut rest = text[at..].chars();
        let mut len = 0;
        for wanted in word.chars() {
            let c = rest.next()?;
            if c != wanted && !c.to_lowercase().eq(wanted.to_lowercase()) {
                return None;
            }
            len += c.len_utf8();
        }
        let inside = word.starts_with(joins) && text[..at].ends_with(joins);
        (!inside).then_some((at, len))
    })
}
