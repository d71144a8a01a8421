//! Lists of texts as Python writes them: MMMU-Pro keeps its options in such a string.

/// Reads a list or tuple of string literals, as Python's `ast.literal_eval` would: any mix of
/// quotes (also triple ones), escapes, raw and `u` prefixes, neighbouring literals that make one
/// text, a comma after the last.
///
/// # Errors
/// What is wrong and at which character, without a full stop.
pub(crate) fn list(text: &str) -> Result<Vec<String>, String> {
    let mut reader = Reader { chars: text.chars().collect(), at: 0 };
    reader.blanks();
    let (close, tuple) = match reader.next() {
        Some('[') => (']', false),
        Some('(') => (')', true),
        _ => return Err("it is no Python list, which begins with [".to_owned()),
    };
    let mut items = Vec::new();
    let mut comma = false;
    loop {
        reader.blanks();
        if reader.peek() == Some(close) {
            break;
        }
        if !items.is_empty() && !comma {
            return Err(reader.wrong("a comma or the list's end"));
        }
        items.push(reader.text()?);
        reader.blanks();
        comma = reader.eat(',');
    }
    reader.at += 1;
    // (x) is x in brackets; only a comma makes it a tuple.
    if tuple && items.len() == 1 && !comma {
        return Err("one text in brackets is no list; a tuple of one ends with a comma".to_owned());
    }
    reader.blanks();
    match reader.peek() {
        None => Ok(items),
        Some(_) => Err(reader.wrong("nothing after the list")),
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    fn eat(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c')) {
            self.at += 1;
        }
    }

    fn wrong(&self, wanted: &str) -> String {
        match self.peek() {
            Some(found) => {
                format!("at character {}: {wanted} belongs where {found:?} is", self.at + 1)
            }
            None => format!("it ends where {wanted} belongs"),
        }
    }

    /// One text: a literal and those that follow it without a comma.
    fn text(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let mut literals = 0;
        loop {
            let before = self.at;
            let mut raw = false;
            match self.peek() {
                Some('r' | 'R') => (raw, self.at) = (true, self.at + 1),
                Some('u' | 'U') => self.at += 1,
                _ => {}
            }
            if !matches!(self.peek(), Some('\'' | '"')) {
                self.at = before;
                return if literals > 0 { Ok(text) } else { Err(self.wrong("a text in quotes")) };
            }
            self.literal(raw, &mut text)?;
            literals += 1;
            self.blanks();
        }
    }

    fn literal(&mut self, raw: bool, text: &mut String) -> Result<(), String> {
        let open = self.at;
        let unclosed = || format!("the text that begins at character {} has no end", open + 1);
        let quote = self.next().ok_or_else(unclosed)?;
        let follows = |at: usize| self.chars.get(at..at + 2) == Some(&[quote, quote]);
        let triple = follows(self.at);
        if triple {
            self.at += 2;
        }
        loop {
            let c = self.next().ok_or_else(unclosed)?;
            let two = self.chars.get(self.at..self.at + 2) == Some(&[quote, quote]);
            match c {
                _ if c == quote && !triple => return Ok(()),
                _ if c == quote && two => {
                    self.at += 2;
                    return Ok(());
                }
                '\n' if !triple => return Err(unclosed()),
                '\\' if raw => {
                    text.push('\\');
                    text.push(self.next().ok_or_else(unclosed)?);
                }
                '\\' => self.escape(text, &unclosed)?,
                _ => text.push(c),
            }
        }
    }

    fn escape(&mut self, text: &mut String, unclosed: &dyn Fn() -> String) -> Result<(), String> {
        let at = self.at;
        let escaped = self.next().ok_or_else(unclosed)?;
        let character = match escaped {
            '\n' => return Ok(()),
            '\\' | '\'' | '"' => escaped,
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => self.code(2, at)?,
            'u' => self.code(4, at)?,
            'U' => self.code(8, at)?,
            'N' => self.named(at)?,
            '0'..='7' => {
                let mut code = escaped.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    self.at += 1;
                }
                char::from_u32(code).ok_or_else(|| bad_escape(at))?
            }
            // Python leaves what it does not know as it is.
            other => {
                text.push('\\');
                other
            }
        };
        text.push(character);
        Ok(())
    }

    /// A character by its name in braces, `\N{GREEK SMALL LETTER ALPHA}`.
    fn named(&mut self, at: usize) -> Result<char, String> {
        let end = |c: char| c == '}' || c == '\n';
        let open = self.eat('{');
        let name: String = self.chars[self.at..].iter().take_while(|c| !end(**c)).collect();
        self.at += name.chars().count();
        if !open || !self.eat('}') {
            return Err(bad_escape(at));
        }
        let name = name.to_ascii_uppercase();
        let control = CONTROLS.iter().find(|(control, _)| *control == name).map(|(_, c)| *c);
        control.or_else(|| unicode_names2::character(&name)).ok_or_else(|| bad_escape(at))
    }

    /// A character by its code of so many hexadecimal digits.
    fn code(&mut self, digits: usize, at: usize) -> Result<char, String> {
        let mut code = 0;
        for _ in 0..digits {
            let digit = self.next().and_then(|c| c.to_digit(16)).ok_or_else(|| bad_escape(at))?;
            code = code * 16 + digit;
        }
        char::from_u32(code).ok_or_else(|| bad_escape(at))
    }
}

/// Names of control codes, which have none of their own and which Python knows by these.
const CONTROLS: [(&str, char); 12] = [
    ("NULL", '\0'),
    ("ALERT", '\x07'),
    ("BACKSPACE", '\x08'),
    ("CHARACTER TABULATION", '\t'),
    ("TAB", '\t'),
    ("LINE FEED", '\n'),
    ("NEW LINE", '\n'),
    ("FORM FEED", '\x0c'),
    ("CARRIAGE RETURN", '\r'),
    ("ESCAPE", '\x1b'),
    ("DELETE", '\x7f'),
    ("NEXT LINE", '\u{85}'),
];

fn bad_escape(at: usize) -> String {
    format!("the escape at character {at} is no character")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        list(text)
    }

    #[test]
    fn lists_are_read_as_python_reads_them() {
        // Each pair stands in Python as `ast.literal_eval(left) == right`.
        for (text, items) in [
            (r"[]", &[][..]),
            (r"()", &[]),
            (r"['a', 'b']", &["a", "b"]),
            (r"('a', 'b')", &["a", "b"]),
            (r"('a',)", &["a"]),
            (r#"['it is', "isn't", 'say "no"']"#, &["it is", "isn't", "say \"no\""]),
            (r#"["don't say \"no\"", 'both \' and "']"#, &["don't say \"no\"", "both ' and \""]),
            (r"['a\nb', 'c\td', '\\frac{1}{2}']", &["a\nb", "c\td", "\\frac{1}{2}"]),
            (r"['\frac', '\pi', '\sigma']", &["\x0crac", "\\pi", "\\sigma"]),
            (r"['\x41\u00e9\U0001F98A', '\101\0']", &["Aé🦊", "A\0"]),
            (r"['one' 'two', 'three']", &["onetwo", "three"]),
            ("['one'\n \"two\"]", &["onetwo"]),
            (r#"[r'\d\'', u'x', R"\n"]"#, &["\\d\\'", "x", "\\n"]),
            ("['''a'b\n''', \"\"\"c\"d\"\"\"]", &["a'b\n", "c\"d"]),
            ("['', \"\", '''''']", &["", "", ""]),
            ("['a\\\nb']", &["ab"]),
            (" [ 'a' , ] \n", &["a"]),
            ("['[image]', ']', ',']", &["[image]", "]", ","]),
            ("['é', '日本']", &["é", "日本"]),
            // As Python 3.13's ast.literal_eval reads them.
            (r"['\N{DEGREE SIGN}C', '\N{greek small letter alpha}']", &["°C", "α"]),
            (r"['\N{HANGUL SYLLABLE GA}\N{CJK UNIFIED IDEOGRAPH-4E00}']", &["가一"]),
            (r"['\N{LINE FEED}', r'\N{DIGIT ONE}', '\N{BELL}']", &["\n", r"\N{DIGIT ONE}", "🔔"]),
        ] {
            let items: Vec<String> = items.iter().map(|i| (*i).to_owned()).collect();
            assert_eq!(read(text), Ok(items), "{text}");
        }
    }

    #[test]
    fn what_is_no_list_says_where() {
        for (text, why) in [
            ("", "no Python list"),
            ("'a'", "no Python list"),
            ("('a')", "tuple of one"),
            ("[", "it ends where"),
            ("['a'", "it ends where"),
            ("['a", "begins at character 2 has no end"),
            ("['a\nb']", "has no end"),
            (r"['a\'", "has no end"),
            ("['a' 5]", "at character 6"),
            ("[,]", "at character 2"),
            ("['a',, 'b']", "at character 6"),
            ("['a'] x", "nothing after"),
            ("[1, 2]", "a text in quotes"),
            ("[None]", "a text in quotes"),
            ("['a')", "a comma or"),
            (r"['\N{NO SUCH THING}']", "escape"),
            (r"['\N']", "escape"),
            (r"['\N{DIGIT ONE']", "escape"),
            (r"['\x4']", "escape"),
            (r"['\ud800']", "escape"),
            (r"['\U00110000']", "escape"),
            ("[b'a']", "a text in quotes"),
        ] {
            let error = read(text).err().unwrap_or_default();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    /// A text as Python's `repr` writes it.
    fn repr(text: &str) -> String {
        let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
        let mut out = String::from(quote);
        for c in text.chars() {
            match c {
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if c == quote || c == '\\' => out.extend(['\\', c]),
                c if c < ' ' || c == '\x7f' => out.push_str(&format!("\\x{:02x}", c as u32)),
                c if !c.is_ascii() && (c as u32) < 0x1_0000 && (c as u32).is_multiple_of(2) => {
                    out.push_str(&format!("\\u{:04x}", c as u32));
                }
                c => out.push(c),
            }
        }
        out.push(quote);
        out
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(items in prop::collection::vec("(?s).{0,12}", 0..6)) {
            let written: Vec<String> = items.iter().map(|item| repr(item)).collect();
            prop_assert_eq!(read(&format!("[{}]", written.join(", "))), Ok(items.clone()));
            if items.len() != 1 {
                prop_assert_eq!(read(&format!("({})", written.join(","))), Ok(items));
            }
        }

        #[test]
        fn anything_can_be_tried(text in "[\\[\\]()'\"\\\\,xuUrn0-9a-f \n]{0,24}") {
            let _ = read(&text);
        }
    }
}
