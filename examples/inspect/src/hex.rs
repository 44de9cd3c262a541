//! Hexadecimal text.

/// Encodes bytes as lower-case hex digits, two per byte.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('?');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Decodes hex digits of either case. White space is ignored.
///
/// # Errors
/// The byte position of the first other character, or the length of the text if it has an odd
/// number of digits.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for (position, &byte) in text
        .iter()
        .enumerate()
        .filter(|(_, byte)| !byte.is_ascii_whitespace())
    {
        let digit = char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
            .ok_or(position)?;
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    if high.is_some() {
        Err(text.len())
    } else {
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn bytes_survive_the_round_trip() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(encode(&[0, 0x1F, 0xA0]), "001fa0");
        assert_eq!(decode(encode(&all).as_bytes()), Ok(all));
        assert_eq!(decode(b" 0 0\t1F\r\na0 "), Ok(vec![0, 0x1F, 0xA0]));
        assert_eq!(decode(b""), Ok(vec![]));
    }

    #[test]
    fn errors_give_the_position() {
        assert_eq!(decode(b"00 0x"), Err(4));
        assert_eq!(decode(b"000"), Err(3));
        assert_eq!(decode("0\u{e9}".as_bytes()), Err(1));
    }
}
