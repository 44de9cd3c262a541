//! [`InputLine`]: the line that the user writes, with history and completion.

use super::text::{clean, width};
use unicode_segmentation::UnicodeSegmentation;

/// How many lines the history keeps.
const MAX_HISTORY: usize = 200;
/// The longest line, in bytes. Servers limit messages as well.
const MAX_LINE: usize = 4000;

/// The line, the place of the cursor in it, and the lines before.
#[derive(Debug, Default)]
pub(crate) struct InputLine {
    text: String,
    /// The cursor's place, in bytes.
    cursor: usize,
    history: Vec<String>,
    /// The line of the history that is shown.
    recalled: Option<usize>,
    /// The text that was written before the history was opened.
    draft: String,
    completion: Option<Completion>,
}

/// A completion that further presses of Tab change.
#[derive(Debug)]
struct Completion {
    /// Where the word begins.
    start: usize,
    candidates: Vec<String>,
    next: usize,
}

impl InputLine {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The part of the line that fits into so many columns, and the column of the cursor in it.
    pub(crate) fn visible(&self, columns: usize) -> (&str, usize) {
        let columns = columns.max(1);
        let before = self.text.get(..self.cursor).unwrap_or_default();
        let mut start = 0;
        for (at, grapheme) in before.grapheme_indices(true) {
            if width(before.get(start..).unwrap_or_default()) < columns {
                break;
            }
            start = at + grapheme.len();
        }
        let column = width(before.get(start..).unwrap_or_default());
        (self.text.get(start..).unwrap_or_default(), column)
    }

    /// Inserts typed or pasted text. A pasted line end becomes a space: it must not send anything.
    pub(crate) fn insert(&mut self, text: &str) {
        let text = if text == " " {
            text.into()
        } else {
            clean(text)
        };
        // The part that fits: a long paste of which nothing appears looks like a program that hangs.
        let left = MAX_LINE.saturating_sub(self.text.len()).min(text.len());
        let fits = (0..=left).rev().find(|at| text.is_char_boundary(*at));
        let text = text.get(..fits.unwrap_or_default()).unwrap_or_default();
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
        self.changed();
    }

    /// Takes the line and remembers it.
    pub(crate) fn submit(&mut self) -> String {
        let line = std::mem::take(&mut self.text);
        self.cursor = 0;
        self.changed();
        if !line.trim().is_empty() && self.history.last() != Some(&line) {
            self.history.push(line.clone());
            if self.history.len() > MAX_HISTORY {
                self.history.remove(0);
            }
        }
        line
    }

    pub(crate) fn left(&mut self) {
        let before = self.text.get(..self.cursor).unwrap_or_default();
        self.cursor -= before.graphemes(true).next_back().map_or(0, str::len);
        self.completion = None;
    }

    pub(crate) fn right(&mut self) {
        let after = self.text.get(self.cursor..).unwrap_or_default();
        self.cursor += after.graphemes(true).next().map_or(0, str::len);
        self.completion = None;
    }

    pub(crate) fn home(&mut self) {
        self.cursor = 0;
        self.completion = None;
    }

    pub(crate) fn end(&mut self) {
        self.cursor = self.text.len();
        self.completion = None;
    }

    /// Removes the character before the cursor.
    pub(crate) fn backspace(&mut self) {
        let end = self.cursor;
        self.left();
        self.text.replace_range(self.cursor..end, "");
        self.changed();
    }

    /// Removes the character at the cursor.
    pub(crate) fn delete(&mut self) {
        let start = self.cursor;
        self.right();
        self.text.replace_range(start..self.cursor, "");
        self.cursor = start;
        self.changed();
    }

    /// Removes the word before the cursor.
    pub(crate) fn delete_word(&mut self) {
        let before = self.text.get(..self.cursor).unwrap_or_default();
        let start = before.trim_end().rfind(' ').map_or(0, |space| space + 1);
        self.text.replace_range(start..self.cursor, "");
        self.cursor = start;
        self.changed();
    }

    /// Removes all before the cursor.
    pub(crate) fn delete_to_start(&mut self) {
        self.text.replace_range(..self.cursor, "");
        self.cursor = 0;
        self.changed();
    }

    /// Shows the line before the shown one.
    pub(crate) fn older(&mut self) {
        let at = self.recalled.unwrap_or(self.history.len());
        if let Some(at) = at.checked_sub(1) {
            if self.recalled.is_none() {
                self.draft = std::mem::take(&mut self.text);
            }
            self.show(Some(at));
        }
    }

    /// Shows the line after the shown one, or what was written before.
    pub(crate) fn newer(&mut self) {
        if let Some(at) = self.recalled {
            self.show(Some(at + 1).filter(|at| *at < self.history.len()));
        }
    }

    fn show(&mut self, recalled: Option<usize>) {
        self.text = match recalled.and_then(|at| self.history.get(at)) {
            Some(line) => line.clone(),
            None => std::mem::take(&mut self.draft),
        };
        self.cursor = self.text.len();
        self.completion = None;
        self.recalled = recalled;
    }

    /// Completes the word before the cursor with one of these, or the next one that fits.
    pub(crate) fn complete(&mut self, words: impl Iterator<Item = String>) {
        let completion = match self.completion.take() {
            Some(completion) => completion,
            None => {
                let before = self.text.get(..self.cursor).unwrap_or_default();
                let start = before.rfind(' ').map_or(0, |space| space + 1);
                let begun = before.get(start..).unwrap_or_default().to_lowercase();
                let fits = |word: &String| word.to_lowercase().starts_with(&begun);
                let mut candidates: Vec<String> = words.filter(fits).collect();
                candidates.sort();
                candidates.dedup();
                if begun.is_empty() || candidates.is_empty() {
                    return;
                }
                Completion {
                    start,
                    candidates,
                    next: 0,
                }
            }
        };
        let Completion {
            start,
            candidates,
            next,
        } = completion;
        let word = candidates.get(next).cloned().unwrap_or_default();
        // A name at the beginning of a message addresses its user.
        let after = match (start, word.starts_with('/')) {
            (0, false) => ": ",
            _ => " ",
        };
        self.text
            .replace_range(start..self.cursor, &format!("{word}{after}"));
        self.cursor = start + word.len() + after.len();
        self.completion = Some(Completion {
            next: (next + 1) % candidates.len(),
            start,
            candidates,
        });
    }

    fn changed(&mut self) {
        self.recalled = None;
        self.completion = None;
        debug_assert!(self.text.is_char_boundary(self.cursor));
    }
}

#[cfg(test)]
mod tests {
    use super::{InputLine, MAX_LINE};

    fn written(text: &str) -> InputLine {
        let mut line = InputLine::default();
        for character in text.chars() {
            line.insert(character.encode_utf8(&mut [0; 4]));
        }
        line
    }

    #[test]
    fn a_line_is_edited_by_characters() {
        let mut line = written("hello wörld 🎲");
        line.backspace();
        line.delete_word();
        assert_eq!(line.text(), "hello ");
        line.home();
        line.delete();
        line.right();
        line.insert("漢");
        assert_eq!(line.text(), "e漢llo ");
        line.delete_to_start();
        line.end();
        line.left();
        line.delete();
        assert_eq!(line.text(), "llo");
        for _ in 0..10 {
            line.backspace();
            line.left();
            line.delete();
        }
        assert_eq!(line.text(), "llo".get(..0).unwrap_or_default());
    }

    #[test]
    fn pasted_text_is_one_harmless_line() {
        let mut line = InputLine::default();
        line.insert("/quit\n\x1b[31mx");
        assert_eq!(line.text(), "/quit [31mx");
        line.insert(&"y".repeat(10_000));
        assert_eq!(line.text().len(), MAX_LINE);
        line.backspace();
        line.insert("é");
        assert!(line.text().ends_with('y'), "no part of a character");
    }

    #[test]
    fn the_history_returns_to_what_was_written() {
        let mut line = written("one");
        assert_eq!(line.submit(), "one");
        line.insert("two");
        line.submit();
        line.insert("draft");
        line.older();
        assert_eq!(line.text(), "two");
        line.older();
        line.older();
        assert_eq!(line.text(), "one");
        line.newer();
        line.newer();
        assert_eq!(line.text(), "draft");
        line.newer();
        assert_eq!(line.text(), "draft");
    }

    #[test]
    fn tab_completes_and_continues_with_the_next_word() {
        let words = || {
            ["/join", "/part", "Ada", "adam"]
                .map(str::to_owned)
                .into_iter()
        };
        let mut line = written("/j");
        line.complete(words());
        assert_eq!(line.text(), "/join ");
        let mut line = written("ad");
        line.complete(words());
        assert_eq!(line.text(), "Ada: ");
        line.complete(words());
        assert_eq!(line.text(), "adam: ");
        line.complete(words());
        assert_eq!(line.text(), "Ada: ");
        line.insert("x");
        line.complete(words());
        assert_eq!(line.text(), "Ada: x", "nothing fits");
        let mut line = written("/msg a");
        line.complete(words());
        assert_eq!(line.text(), "/msg Ada ");
    }

    #[test]
    fn the_part_around_the_cursor_is_visible() {
        let mut line = written("0123456789");
        assert_eq!(line.visible(20), ("0123456789", 10));
        assert_eq!(line.visible(5), ("6789", 4));
        line.home();
        assert_eq!(line.visible(5), ("0123456789", 0));
        assert_eq!(written("漢字漢字").visible(5), ("漢字", 4));
        assert_eq!(written("").visible(0), ("", 0));
    }
}
