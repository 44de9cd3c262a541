//! An input on its way to the program that callgrind watches: making all of them there would take
//! longer than what is measured.

use super::{Content, Input};
use crate::client::Carrier;
use photon_proto::Protocol;
use std::io::{self, Read, Write};

/// The carriers, by their number on the way.
const CARRIERS: [Carrier; 4] = [
    Carrier::Stream,
    Carrier::Messages,
    Carrier::Json,
    Carrier::Datagrams,
];

/// Writes an input and the numbers of its longest calls.
///
/// # Errors
/// Those of `out`.
pub fn send(out: &mut impl Write, input: &Input, longest: &[u64]) -> io::Result<()> {
    let carrier = CARRIERS.iter().position(|one| *one == input.carrier);
    let (is_raw, parts) = match &input.content {
        Content::Messages(parts) => (false, parts),
        Content::Raw(parts) => (true, parts),
    };
    let numbers = [
        carrier.unwrap_or_default() as u64,
        u64::from(input.protocol == Protocol::V18),
        u64::from(is_raw),
        parts.len() as u64,
        longest.len() as u64,
    ];
    for number in numbers.iter().chain(longest) {
        out.write_all(&number.to_le_bytes())?;
    }
    for part in parts {
        out.write_all(&(part.len() as u64).to_le_bytes())?;
        out.write_all(part)?;
    }
    out.flush()
}

/// Reads what [`send`] wrote. The input has no name.
///
/// # Errors
/// Those of `from`, and `InvalidData` for anything else.
pub fn receive(from: &mut impl Read) -> io::Result<(Input, Vec<u64>)> {
    let [carrier, is_v18, is_raw, parts, longest] = [(); 5].map(|()| number(from));
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    let carrier = usize::try_from(carrier?).ok();
    let carrier = *carrier
        .and_then(|carrier| CARRIERS.get(carrier))
        .ok_or_else(invalid)?;
    let protocol = if is_v18? == 1 {
        Protocol::V18
    } else {
        Protocol::V16
    };
    let longest = (0..longest?)
        .map(|_| number(from))
        .collect::<io::Result<_>>()?;
    let parts = (0..parts?)
        .map(|_| {
            let length = number(from)?;
            let mut part = Vec::new();
            let read = from.take(length).read_to_end(&mut part)?;
            (read as u64 == length).then_some(part).ok_or_else(invalid)
        })
        .collect::<io::Result<_>>()?;
    let content = if is_raw? == 1 {
        Content::Raw(parts)
    } else {
        Content::Messages(parts)
    };
    let input = Input {
        name: String::new(),
        carrier,
        protocol,
        content,
    };
    Ok((input, longest))
}

fn number(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::{Carrier, Content, Input, Protocol, receive, send};

    #[test]
    fn an_input_arrives_as_it_was_sent() {
        for (carrier, protocol) in [
            (Carrier::Json, Protocol::V18),
            (Carrier::Datagrams, Protocol::V16),
        ] {
            let content = || vec![vec![1, 2, 3], vec![], vec![4]];
            for content in [Content::Messages(content()), Content::Raw(content())] {
                let input = Input {
                    name: "input".into(),
                    carrier,
                    protocol,
                    content,
                };
                let mut bytes = Vec::new();
                send(&mut bytes, &input, &[7, 9]).expect("a vector takes everything");
                let (received, longest) = receive(&mut bytes.as_slice()).expect("complete");
                assert_eq!(longest, [7, 9]);
                assert_eq!((received.carrier, received.protocol), (carrier, protocol));
                assert_eq!(received.content, input.content);
                for end in 0..bytes.len() {
                    assert!(receive(&mut &bytes[..end]).is_err(), "cut at {end}");
                }
            }
        }
    }
}
