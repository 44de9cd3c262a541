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

/// Decodes hex digits of either case. White space, commas and colons are ignored, and so is `0x` in
/// front of a byte: tools print captures in all of these ways.
///
/// # Errors
/// The byte position of the first other character, or of an `x` without digits, or the length of the
/// text if it has an odd number of digits.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let (mut high, mut prefix) = (None, None);
    for (position, &byte) in text.iter().enumerate() {
        if byte.is_ascii_whitespace() || matches!(byte, b',' | b':') {
            // Not "0x 12".
            prefix.map_or(Ok(()), Err)?;
            continue;
        }
        let follows_zero =
            position.checked_sub(1).and_then(|before| text.get(before)) == Some(&b'0');
        if matches!(byte, b'x' | b'X') && high == Some(0) && follows_zero {
            (high, prefix) = (None, Some(position));
            continue;
        }
        let digit = char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
            .ok_or(position)?;
        prefix = None;
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    prefix.map_or(Ok(()), Err)?;
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
        for text in [
            "0x00, 0x1F, 0xA0",
            "00:1f:a0",
            "0x001FA0",
            "0X00 0X1f a0",
            "00,1f,a0,",
            "0x00:0x1f:0xa0",
        ] {
            assert_eq!(decode(text.as_bytes()), Ok(vec![0, 0x1F, 0xA0]), "{text}");
        }
    }

    #[test]
    fn errors_give_the_position() {
        assert_eq!(decode(b"00 0x"), Err(4));
        assert_eq!(decode(b"000"), Err(3));
        assert_eq!(decode(b"0x"), Err(1));
        assert_eq!(decode(b"0x,00"), Err(1));
        assert_eq!(decode(b"0 x00"), Err(2));
        assert_eq!(decode(b"00x0"), Err(2));
        assert_eq!(decode(b"00;01"), Err(2));
        assert_eq!(decode("0\u{e9}".as_bytes()), Err(1));
    }
}
