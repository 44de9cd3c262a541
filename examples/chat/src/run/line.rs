//! One line of output: JSON without a character that could end it, or that could not be seen.

use crate::characters::{is_format, is_separator};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// Prints a JSON object as one line and flushes it, so that a script can wait for it.
pub(crate) fn print(json: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(escaped(json).as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// JSON with every control, format and separator character but the space as an escape.
///
/// `serde_json` escapes only what JSON forbids. But U+2028, U+2029 and U+0085 end a line in Python
/// and JavaScript, where the rest of the line would be a second event that a user has chosen, and
/// a terminal obeys C1 controls and bidirectional controls.
pub(crate) fn escaped(json: &str) -> Cow<'_, str> {
    // Outside of texts JSON has none of these, so a replaced character always is in a text.
    let is_hidden =
        |all: char| all.is_control() || (!all.is_ascii() && (is_format(all) || is_separator(all)));
    if !json.contains(is_hidden) {
        return Cow::Borrowed(json);
    }
    let mut line = String::with_capacity(json.len() + 32);
    for character in json.chars() {
        if is_hidden(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String does not fail.
                let _written = write!(line, "\\u{unit:04x}");
            }
        } else {
            line.push(character);
        }
    }
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::escaped;
    use serde_json::Value as Json;

    #[test]
    fn hidden_characters_are_escaped_and_come_back_unchanged() {
        let hidden = "\u{7f}\u{85}\u{9b}\u{a0}\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\u{2028}\u{2029}\u{202e}\u{2066}\
                      \u{3000}\u{feff}\u{fff9}\u{e0041}\0\t\n\r\u{b}\u{c}\u{1c}\u{1b}";
        let json = Json::from(hidden).to_string();
        let line = escaped(&json);
        assert!(line.is_ascii(), "{line}");
        assert!(line.chars().all(|all| !all.is_control()), "{line}");
        assert_eq!(serde_json::from_str::<Json>(&line).unwrap(), hidden);
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        let json = Json::from("é ש 漢 🎲 \" \\ /").to_string();
        assert_eq!(escaped(&json), json);
    }
}
