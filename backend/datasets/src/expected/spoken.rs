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

/// Words in lower case that follow a letter rather than the article or the pronoun.
const AFTER_LETTER: [&str; 26] = [
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
    "y",
    "o",
    "es",
    "car",
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

/// Whether a word in lower case follows a letter rather than the article or the pronoun.
pub(super) fn follows_letter(word: &str) -> bool {
    AFTER_LETTER.contains(&word)
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
            // Turkish parts an ending from a name: B'dir.
            '\'' | '’' if out.ends_with(|c: char| c.is_ascii_uppercase()) && two_small(&chars) => {
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

fn two_small(chars: &std::iter::Peekable<std::str::Chars>) -> bool {
    chars.clone().take(2).filter(|c| c.is_lowercase()).count() == 2
}

/// What follows the last word for *answer*, where it is followed by a colon or a word for *is*.
pub(super) fn after_answer(text: &str) -> Option<&str> {
    let mut last: Option<&str> = None;
    for word in ANSWERS {
        for (at, len) in places(text, word) {
            let rest = after_is(&text[at + len..], word == "answer");
            // Of words that end at different places, the later one.
            last = match (last, rest) {
                (Some(last), Some(rest)) if rest.len() >= last.len() => Some(last),
                (last, rest) => rest.or(last),
            };
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

/// The letter that a text begins with, whatever its case, where a particle or a sign follows at once.
pub(super) fn first_letter(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(['(', '[', '{']);
    let first = text.chars().next().filter(char::is_ascii_alphabetic)?;
    let after = text[1..].chars().next();
    let parted = after.is_none_or(|c| !joins(c) && !c.is_whitespace());
    // Capitals are read by the rules for capitals, but for those with a particle.
    (parted
        || (first.is_ascii_uppercase() && text[1..].trim_start().starts_with(|c: char| !joins(c))))
    .then(|| &text[..1])
    .or_else(|| {
        let next = text[1..].strip_prefix(' ')?.split_whitespace().next()?;
        follows_letter(next).then(|| &text[..1])
    })
}

/// The letters that follow a word for *option*.
pub(super) fn after_option(text: &str) -> impl Iterator<Item = char> {
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
                found.push(first);
            }
        }
    }
    found.into_iter()
}

/// Where a word occurs, whatever its case, and how long it is there. It begins where no other word
/// does.
fn places<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = (usize, usize)> + 't {
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
