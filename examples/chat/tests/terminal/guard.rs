//! [`Guard`]: reads all that the program writes to the terminal, and notes what must not be there.

/// The ends of the control sequences that the program itself uses: to place the cursor, to clear, to
/// set a style, to change a mode.
const OWN_SEQUENCES: &str = "HJmhl";
/// Characters that cannot be seen, or change the order or the place of others.
const INVISIBLE: [(char, char); 9] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{e0000}', '\u{e0fff}'),
];

#[derive(Default)]
pub(crate) struct Guard {
    /// The beginning of a character whose other bytes have not come yet.
    begun: Vec<u8>,
    state: State,
    /// The program prints lines, and places nothing.
    is_of_lines: bool,
    foreign: Option<String>,
}

#[derive(Default, Clone, Copy)]
enum State {
    #[default]
    Text,
    Escape,
    Sequence,
}

impl Guard {
    pub(crate) fn of_lines() -> Self {
        Self {
            is_of_lines: true,
            ..Self::default()
        }
    }

    pub(crate) fn process(&mut self, bytes: &[u8]) {
        self.begun.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.begun);
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => text,
            Err(error) => {
                if error.error_len().is_some() {
                    self.note("bytes that are no text");
                }
                let (text, rest) = bytes.split_at(error.valid_up_to());
                self.begun = rest.to_vec();
                std::str::from_utf8(text).unwrap()
            }
        };
        text.chars().for_each(|character| self.character(character));
    }

    fn character(&mut self, character: char) {
        self.state = match (self.state, character) {
            (State::Text, '\x1b') => State::Escape,
            (State::Text, _) => {
                let is_invisible =
                    |(first, last): &(char, char)| (*first..=*last).contains(&character);
                let is_line_end = self.is_of_lines && matches!(character, '\r' | '\n');
                if (character.is_control() && !is_line_end) || INVISIBLE.iter().any(is_invisible) {
                    self.note(&format!("the character {character:?}"));
                }
                State::Text
            }
            (State::Escape, '[') => State::Sequence,
            (State::Escape, _) => {
                self.note(&format!("an escape sequence with {character:?}"));
                State::Text
            }
            (State::Sequence, '\x40'..='\x7e') => {
                if !OWN_SEQUENCES.contains(character) {
                    self.note(&format!("a control sequence with {character:?}"));
                }
                State::Text
            }
            (State::Sequence, _) => State::Sequence,
        };
    }

    fn note(&mut self, what: &str) {
        self.foreign.get_or_insert_with(|| what.to_owned());
    }

    #[track_caller]
    pub(crate) fn assert_harmless(&self) {
        assert_eq!(self.foreign, None, "reached the terminal");
    }
}

#[test]
fn the_guard_notes_what_is_not_of_the_program() {
    for (written, is_harmless) in [
        ("\x1b[2J\x1b[5;10H\x1b[38;5;6mשלום 🎲\x1b[?25h", true),
        ("\x1b]0;title\x07", false),
        ("\x1b[6n", false),
        ("\u{9b}2J", false),
        ("a\u{202e}b", false),
        ("a\u{2028}b", false),
        ("a\rb", false),
    ] {
        // By the byte, so that every character is cut.
        let mut guard = Guard::default();
        written.bytes().for_each(|byte| guard.process(&[byte]));
        assert_eq!(guard.foreign.is_none(), is_harmless, "{written:?}");
    }
}
