//! `Debug` shows numbers and states, never contents.

use crate::harness::{Pair, WIRES, send};
use photon_proto::message::MessageKind;

const SECRET: &str = "hunter2-the-password";

/// Asserts that neither the secret nor a part of it is shown, as text, numbers or hexadecimal.
#[track_caller]
pub(crate) fn assert_hidden(shown: &str) {
    let part = &SECRET.as_bytes()[..4];
    let numbers = part.iter().map(u8::to_string).collect::<Vec<_>>();
    let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
    for forbidden in [
        SECRET[..4].to_owned(),
        numbers.join(", "),
        numbers.join(",\n"),
        hex,
    ] {
        let compact: String = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!shown.contains(&forbidden), "{shown}");
        assert!(!compact.contains(&forbidden), "{shown}");
    }
    assert!(shown.len() < 4_000, "{} bytes: {shown}", shown.len());
}

#[test]
fn sound18_a_peer_shows_no_message_that_waits_to_be_sent_or_taken() {
    for (wire, protocol) in WIRES {
        for encrypt in [false, true] {
            if encrypt && protocol.is_text() {
                continue;
            }
            let mut pair = Pair::uncut(wire, protocol);
            send(&mut pair.client, MessageKind::Request, 2, SECRET, encrypt);
            // Unsent at the client, then received and not taken at the server.
            for _ in 0..2 {
                for shown in [
                    format!("{:?}", pair.client),
                    format!("{:#?}", pair.client),
                    format!("{:?}", pair.server),
                    format!("{:#?}", pair.server),
                    format!("{:?}", pair.acceptor),
                ] {
                    assert_hidden(&shown);
                }
                let now = pair.now;
                while let Some(bytes) = pair.client.transmit(now).map(<[u8]>::to_vec) {
                    pair.client.transmitted(bytes.len());
                    if pair.acceptor.is_empty() {
                        pair.server.handle_bytes(now, &bytes);
                    } else {
                        pair.acceptor.handle_datagram(now, &1, &bytes);
                    }
                }
            }
        }
    }
}
