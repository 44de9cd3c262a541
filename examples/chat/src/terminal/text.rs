//! Text for the screen: what others sent, made harmless, and cut into rows.
//!
//! Every text that comes from the network passes [`clean`] before it is kept, so no other place has
//! to think of it.

use crate::characters::{is_format, is_separator};
use std::borrow::Cow;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How much of one text is shown. A message may be far longer than any screen.
const MAX_SHOWN_BYTES: usize = 4096;
/// How many marks may stand on one character: enough for every script, too few to reach other rows.
const MAX_MARKS: usize = 3;

/// The text without what a terminal would obey, what cannot be seen, and what disguises the text
/// around it: controls and escape sequences, bidirectional controls, line separators, characters of
/// no width. One row remains; a text without anything visible becomes `(blank)`.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len().min(MAX_SHOWN_BYTES));
    let mut marks = 0;
    for character in text.chars() {
        if clean.len() >= MAX_SHOWN_BYTES {
            clean.push('…');
            break;
        }
        // Not even as a replacement: the text of an escape sequence without its first character is
        // harmless, and line ends and tabs separate words.
        let character = match character {
            '\n' | '\r' | '\t' => ' ',
            all if is_separator(all) => ' ',
            // A filler that is shown as nothing, and the braille pattern without dots.
            '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}' => ' ',
            all if all.is_control() || is_format(all) => continue,
            // Terminals disagree about the width of a character with a variation selector.
            '\u{fe00}'..='\u{fe0f}' => continue,
            all => all,
        };
        marks = if character.width() == Some(0) {
            marks + 1
        } else {
            0
        };
        if marks > MAX_MARKS || (character == ' ' && clean.ends_with(' ')) {
            continue;
        }
        clean.push(character);
    }
    if clean.trim().is_empty() {
        return if text.is_empty() { "" } else { "(blank)" }.into();
    }
    clean.truncate(clean.trim_end().len());
    clean
}

/// The columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text, or as much as fits into so many columns with a sign that there is more.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    if columns == 0 {
        return Cow::Borrowed("");
    }
    let (fitting, _) = split(text, columns - 1);
    Cow::Owned(format!("{fitting}…"))
}

/// The text in rows: the first one of `first` columns, the others of `others`. Rows end between
/// words where possible, and never inside of a character as a reader sees it.
pub(crate) fn wrap(text: &str, first: usize, others: usize) -> Vec<String> {
    let mut rows = Vec::new();
    let mut rest = text;
    loop {
        let columns = if rows.is_empty() { first } else { others };
        // A row that holds no character at all would never end.
        let columns = columns.max(2);
        if width(rest) <= columns {
            rows.push(rest.to_owned());
            return rows;
        }
        let (fitting, after) = split(rest, columns);
        let (row, next) = match fitting.rfind(' ') {
            _ if after.starts_with(' ') => (fitting, after),
            Some(space) if space > 0 => rest.split_at(space),
            _ if after.is_empty() || fitting.is_empty() => (rest, ""),
            _ => (fitting, after),
        };
        debug_assert!(!row.is_empty(), "every row takes something");
        rows.push(row.to_owned());
        rest = next.trim_start();
        if rest.is_empty() {
            return rows;
        }
    }
}

/// Splits after the characters that fit.
fn split(text: &str, columns: usize) -> (&str, &str) {
    let mut taken = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        taken += width(grapheme);
        if taken > columns {
            return text.split_at(at);
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::{clean, cut, width, wrap};

    #[test]
    fn remote_text_loses_what_a_terminal_obeys_or_hides() {
        for (remote, shown) in [
            ("hello", "hello"),
            ("\x1b[31mred\x1b[0m", "[31mred[0m"),
            ("\x1b]0;title\x07x", "]0;titlex"),
            ("\u{9b}31mred", "31mred"),
            ("a\u{202e}b\u{2066}c\u{200f}d\u{61c}", "abcd"),
            ("a\u{2028}b\u{2029}c\nd\r\ne\tf", "a b c d e f"),
            ("a\u{200b}b\u{200d}c\u{feff}d\u{ad}e\u{2060}f", "abcdef"),
            ("ad\u{e0061}a", "ada"),
            ("\u{3164}", "(blank)"),
            ("\u{200b}\u{200d}", "(blank)"),
            ("", ""),
            ("שלום עולם", "שלום עולם"),
            ("👩\u{200d}👧 ❤\u{fe0f}", "👩👧 ❤"),
            ("e\u{301}", "e\u{301}"),
        ] {
            assert_eq!(clean(remote), shown, "{remote:?}");
        }
        let tower = format!("a{}b", "\u{301}".repeat(50));
        assert_eq!(clean(&tower), "a\u{301}\u{301}\u{301}b");
        let long = clean(&"x".repeat(100_000));
        assert!(long.len() < 5000 && long.ends_with('…'));
    }

    #[test]
    fn text_is_cut_by_columns() {
        assert_eq!(cut("hello", 5), "hello");
        assert_eq!(cut("hello!", 5), "hell…");
        assert_eq!(cut("漢字漢字", 5), "漢字…");
        assert_eq!(cut("漢字漢字", 4), "漢…");
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!(cut("hello", 0), "");
        assert_eq!(cut("hello", 1), "…");
    }

    #[test]
    fn rows_end_between_words() {
        assert_eq!(wrap("one two three", 7, 5), ["one two", "three"]);
        assert_eq!(wrap("one two three", 8, 5), ["one two", "three"]);
        assert_eq!(wrap("", 7, 5), [""]);
        assert_eq!(wrap("abcdefghij", 4, 3), ["abcd", "efg", "hij"]);
        assert_eq!(wrap("ab abcdefgh", 5, 5), ["ab", "abcde", "fgh"]);
        assert_eq!(wrap("漢字漢字", 5, 3), ["漢字", "漢", "字"]);
    }

    #[test]
    fn every_row_fits_and_every_width_ends() {
        let text =
            clean("שלום 🎲🎲 漢字漢字 word averyveryverylongword \u{1f469}\u{200d}\u{1f467} é");
        for columns in 0..60 {
            let rows = wrap(&text, columns, columns);
            assert!(
                rows.iter().all(|row| width(row) <= columns.max(2)),
                "{columns}: {rows:?}"
            );
            let kept: String = rows.concat().replace(' ', "");
            assert_eq!(kept, text.replace(' ', ""), "{columns}");
            assert!(width(&cut(&text, columns)) <= columns);
        }
    }
}
