//! A chat template, rendered as transformers renders it: Jinja with `trim_blocks` and `lstrip_blocks`,
//! Python's methods on strings, lists and mappings, and transformers' own additions.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, Value, context};
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use shared::sentence::TemplateProblem;

/// Longest source that is read, in bytes. Published templates have some ten thousand at most.
const MOST_SOURCE: usize = 1 << 18;
/// What one rendering may cost: a unit an instruction and for every 64 bytes that come to be.
const FUEL: u64 = 1 << 20;
/// How deep macros may call each other.
const DEPTH: usize = 64;
/// What errors show of a template's own words, in characters.
const MOST_SHOWN: usize = 200;
const NAME: &str = "chat_template";

/// One turn of a conversation.
#[derive(Clone, Debug)]
pub(super) struct Message<'a> {
    pub(super) role: &'static str,
    pub(super) content: Content<'a>,
}

/// What a turn holds, in either of the forms that templates read.
#[derive(Clone, Debug)]
pub(super) enum Content<'a> {
    Text(String),
    Items(Vec<Item<'a>>),
}

/// A medium or a text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item<'a> {
    /// A medium, by what templates call its kind: `image`, `audio`.
    Medium(&'static str),
    Text(&'a str),
}

impl From<&Message<'_>> for Value {
    fn from(message: &Message<'_>) -> Value {
        let item = |item: &Item| match item {
            Item::Medium(kind) => Value::from_pairs([("type", *kind)]),
            Item::Text(text) => Value::from_pairs([("type", "text"), ("text", *text)]),
        };
        let content = match &message.content {
            Content::Text(text) => Value::from(text.as_str()),
            Content::Items(items) => items.iter().map(item).collect(),
        };
        Value::from_pairs([("role", Value::from(message.role)), ("content", content)])
    }
}

/// A template that was understood.
pub(super) struct Jinja {
    environment: Environment<'static>,
    variables: BTreeMap<String, String>,
}

impl std::fmt::Debug for Jinja {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jinja").field("variables", &self.variables).finish_non_exhaustive()
    }
}

impl Jinja {
    /// Reads a template. `variables` are the tokenizer's special tokens by their names, such as
    /// `bos_token`.
    ///
    /// # Errors
    /// What is wrong with it, as the rest of a sentence that begins with its name.
    pub(super) fn new(
        source: &str,
        variables: BTreeMap<String, String>,
    ) -> Result<Self, TemplateProblem> {
        if source.len() > MOST_SOURCE {
            return Err(TemplateProblem::TooLarge { kib: (MOST_SOURCE >> 10) as u64 });
        }
        let mut environment = Environment::new();
        let mut syntax = SyntaxConfig::builder();
        let syntax = syntax.trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|e| said(&e))?);
        environment.set_recursion_limit(DEPTH);
        environment.set_fuel(Some(FUEL));
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", to_json);
        // `strftime_now` is left out: a prompt that changes from day to day cannot be compared with
        // itself. Templates ask for it with `is defined` and have a date of their own.
        environment.add_function("raise_exception", raise_exception);
        environment.add_template_owned(NAME, plain_blocks(source)).map_err(|e| said(&e))?;
        Ok(Jinja { environment, variables })
    }

    /// The conversation as the model is to read it, up to where the assistant begins.
    ///
    /// # Errors
    /// As [`Jinja::new`].
    pub(super) fn render(&self, messages: &[Message<'_>]) -> Result<String, TemplateProblem> {
        let template = self.environment.get_template(NAME).map_err(|e| said(&e))?;
        let conversation = context! {
            messages => messages.iter().collect::<Value>(),
            tools => (),
            documents => (),
            add_generation_prompt => true,
            ..Value::from_pairs(self.variables.iter().map(|(k, v)| (k.as_str(), v.as_str())))
        };
        template.render(conversation).map_err(|e| said(&e))
    }
}

/// An error in one line of bounded length: a template's own words may be among it.
fn said(error: &Error) -> TemplateProblem {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let line = what.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut shown: String = line.clone().take(MOST_SHOWN).collect();
    if line.count() > MOST_SHOWN {
        shown.push('…');
    }
    match (error.kind(), error.line()) {
        (ErrorKind::OutOfFuel, _) => TemplateProblem::TooManySteps,
        (_, Some(line)) => TemplateProblem::FailsInLine { line: line as u64, what: shown },
        (_, None) => TemplateProblem::Fails { what: shown },
    }
}

fn raise_exception(message: &str) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message.to_owned()))
}

/// transformers' `tojson`: Python's `json.dumps` without escapes of its own.
fn to_json(value: &Value, options: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    let ascii: Option<bool> = options.get("ensure_ascii")?;
    options.assert_all_used()?;
    if ascii == Some(true) {
        return Err(Error::new(ErrorKind::InvalidOperation, "tojson with ensure_ascii"));
    }
    let text = match indent {
        None => json(value, Spaced),
        Some(width) => {
            let width = " ".repeat(width.min(16));
            json(value, PrettyFormatter::with_indent(width.as_bytes()))
        }
    };
    text.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "not a value JSON has"))
}

fn json(value: &Value, formatter: impl Formatter) -> Option<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter)).ok()?;
    String::from_utf8(bytes).ok()
}

/// Python's separators, `, ` and `: `.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        to: &mut W,
    ) -> std::io::Result<()> {
        to.write_all(b": ")
    }
}

/// transformers' `{% generation %}` marks what a loss is computed on and writes nothing: here it is
/// a block that is always written.
fn plain_blocks(source: &str) -> String {
    let mut plain = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{%") {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(end) = rest.find("%}") else { break };
        let (tag, after) = rest.split_at(end + 2);
        match tag[2..end].trim_matches(['-', '+']).trim() {
            "generation" => plain.push_str(&tag.replacen("generation", "if true", 1)),
            "endgeneration" => plain.push_str(&tag.replacen("endgeneration", "endif", 1)),
            _ => plain.push_str(tag),
        }
        rest = after;
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str) -> Result<String, TemplateProblem> {
        let variables = BTreeMap::from([("bos_token".to_owned(), "<s>".to_owned())]);
        let content = Content::Items(vec![Item::Medium("image"), Item::Text("a <b> \"é\"")]);
        Jinja::new(source, variables)?.render(&[Message { role: "user", content }])
    }

    /// The expected texts are transformers' own (its environment, the same message).
    #[test]
    fn is_rendered_as_transformers_does() {
        for (source, want) in [
            ("{{ bos_token }}{{ eos_token }}|", "<s>|"),
            ("  {% if true %}\n  x\n  {% endif %}\ny\n", "  x\ny"),
            (
                "{{ messages[0].content | tojson }}",
                "[{\"type\": \"image\"}, {\"type\": \"text\", \"text\": \"a <b> \\\"é\\\"\"}]",
            ),
            ("{{ messages[0]['role'].upper() + ': ' }}", "USER: "),
            ("{{ tools is none }}{{ tools is defined }}{{ nothing is defined }}", "TrueTrueFalse"),
            ("{% generation %}\na{% endgeneration %}\nb", "ab"),
            (
                "{%- for c in messages[0].content if c.type == 'text' -%} {{ c.text }} {%- endfor %}",
                "a <b> \"é\"",
            ),
            (
                "{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}",
                "01",
            ),
            ("{{ messages[::-1] | length }}{{ messages[1:] | length }}", "10"),
            ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m('a') }}", "<a>"),
            ("{{ 'x' if strftime_now is defined else 'y' }}", "y"),
            ("{{ ' a '.strip() }}{{ 'a,b'.split(',')[-1] }}{{ {'a': 1}.get('b', 2) }}", "ab2"),
        ] {
            assert_eq!(render(source).as_deref(), Ok(want), "{source}");
        }
    }

    #[test]
    fn what_goes_wrong_is_said() {
        for (source, want) in [
            ("{% if %}", "fails in line 1"),
            ("a\n{{ raise_exception('No\npictures') }}", "fails in line 2: No pictures"),
            ("{{ strftime_now('%d') }}", "strftime_now"),
            ("{{ messages[0].content.nothing.at.all }}", "fails in line 1"),
            (
                "{% for i in range(99999) %}{% for i in range(99999) %}{% endfor %}{% endfor %}",
                "more steps",
            ),
            ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "fails"),
            (
                "{% set x = namespace(t='a') %}{% for i in range(99) %}{% set x.t = x.t + x.t %}{% endfor %}{{ x.t }}",
                "more steps",
            ),
            (&"x".repeat(MOST_SOURCE + 1), "larger than 256 KiB"),
        ] {
            let said = render(source).expect_err("no text").text(shared::Language::English);
            assert!(said.contains(want) && said.len() < 300, "{said}");
        }
    }
}
