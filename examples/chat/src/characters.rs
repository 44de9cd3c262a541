//! Characters that cannot be seen, or that change how the text around them is shown.
//!
//! The standard library knows control characters alone, so the others are listed here, from the
//! general categories of Unicode 16. None of them is in a block that still grows quickly.

/// Format characters (Cf): bidirectional controls, joiners, byte order marks, tags.
const FORMAT: &[(char, char)] = &[
    ('\u{ad}', '\u{ad}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Separators (Zs, Zl, Zp) besides the ordinary space.
const SEPARATORS: &[(char, char)] = &[
    ('\u{a0}', '\u{a0}'),
    ('\u{1680}', '\u{1680}'),
    ('\u{2000}', '\u{200a}'),
    ('\u{2028}', '\u{2029}'),
    ('\u{202f}', '\u{202f}'),
    ('\u{205f}', '\u{205f}'),
    ('\u{3000}', '\u{3000}'),
];

/// Whether it is a format character, for example U+202E, which reverses the text after it.
pub(crate) fn is_format(character: char) -> bool {
    is_listed(FORMAT, character)
}

/// Whether it separates words, lines or paragraphs and is not the ordinary space, for example
/// U+2028, which many programs take for the end of a line.
pub(crate) fn is_separator(character: char) -> bool {
    is_listed(SEPARATORS, character)
}

fn is_listed(ranges: &[(char, char)], character: char) -> bool {
    debug_assert!(
        ranges.windows(2).all(|two| two[0].1 < two[1].0),
        "sorted, for the search"
    );
    let after = ranges.partition_point(|(first, _)| *first <= character);
    after
        .checked_sub(1)
        .and_then(|at| ranges.get(at))
        .is_some_and(|(_, last)| character <= *last)
}

#[cfg(test)]
mod tests {
    use super::{is_format, is_separator};

    #[test]
    fn characters_belong_to_their_category() {
        for format in [
            '\u{ad}',
            '\u{200b}',
            '\u{200d}',
            '\u{200f}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{e0001}',
            '\u{e007f}',
            '\u{61c}',
        ] {
            assert!(is_format(format), "{format:?}");
            assert!(!is_separator(format), "{format:?}");
        }
        for separator in ['\u{a0}', '\u{2003}', '\u{2028}', '\u{2029}', '\u{3000}'] {
            assert!(is_separator(separator), "{separator:?}");
            assert!(!is_format(separator), "{separator:?}");
        }
        for plain in [
            ' ',
            'a',
            'é',
            'ש',
            '漢',
            '🎲',
            '\u{fffd}',
            '\u{10ffff}',
            '\0',
        ] {
            assert!(!is_format(plain) && !is_separator(plain), "{plain:?}");
        }
    }
}
