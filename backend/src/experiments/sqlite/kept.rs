//! Messages as the tables hold them: a line each, of JSON where the message is a sentence with
//! parameters, and the English text itself otherwise, as earlier versions wrote all of them.

use shared::Message;

/// A message in a line.
pub(super) fn line(message: &Message) -> String {
    let json = message.sentence.as_ref().and_then(|_| serde_json::to_string(message).ok());
    json.unwrap_or_else(|| message.text.replace('\n', " "))
}

/// The messages of lines.
pub(super) fn messages(lines: &str) -> Vec<Message> {
    let read = |line: &str| match line.starts_with('{') {
        true => serde_json::from_str(line).unwrap_or_else(|_| line.into()),
        false => line.into(),
    };
    lines.lines().map(read).collect()
}

#[cfg(test)]
mod tests {
    use shared::sentence::Problem;

    use super::*;

    #[test]
    fn messages_are_read_as_they_were_written() {
        let all: [Message; 3] = [
            Problem::ModelMissing { name: "a\nb".into(), why: Problem::NotWhereNamed.into() }
                .into(),
            "The model a is missing.".into(),
            "{no JSON}".into(),
        ];
        let lines: Vec<String> = all.iter().map(line).collect();
        assert_eq!(messages(&lines.join("\n")), all);
    }
}
