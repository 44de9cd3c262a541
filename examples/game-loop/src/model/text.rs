//! Texts of others.

/// The longest text that is shown, in characters.
const MAX_CHARS: usize = 300;
/// The longest name that is shown, in characters.
const MAX_NAME: usize = 16;

/// A text of another user, for one line: without control characters, without those that reverse the
/// direction of the text around them, and not endless.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut clean: String = text
        .chars()
        .take(MAX_CHARS)
        .map(|character| match character {
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => ' ',
            '\u{feff}' | '\u{61c}' => ' ',
            character if character.is_control() => ' ',
            character => character,
        })
        .collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        clean.push('…');
    }
    clean.trim().to_owned()
}

/// A name of a user, cleaned and short enough for a label. Two users may have the same one: the id is
/// what tells them apart.
#[must_use]
pub fn name_of(user: &str) -> String {
    let mut name: String = clean(user).chars().take(MAX_NAME).collect();
    if name.is_empty() {
        name.push('?');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::{clean, name_of};

    #[test]
    fn texts_of_others_cannot_spoil_the_picture() {
        assert_eq!(clean(" hello\u{1b}[2J\u{202e}x\n"), "hello [2J x");
        assert_eq!(clean(&"x".repeat(1000)).chars().count(), 301);
        assert_eq!(clean("\u{200b}\r\n"), "");
        assert_eq!(name_of(&"n".repeat(1000)), "n".repeat(16));
        assert_eq!(name_of("\u{202e}"), "?");
    }
}
