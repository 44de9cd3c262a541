//! What a driver reports of the bytes that it has sent.

use crate::harness::{Pair, WIRES, send};
use photon_proto::message::MessageKind;
use photon_proto::peer::Wire;

#[test]
fn a_message_of_which_nothing_was_sent_is_given_out_again() {
    for (wire, protocol) in WIRES {
        let mut pair = Pair::uncut(wire, protocol);
        send(&mut pair.client, MessageKind::Request, 2, "hello", false);
        let (now, unsent) = (pair.now, pair.client.unsent_bytes());
        let first = pair.client.transmit(now).map(<[u8]>::to_vec);
        assert!(first.is_some());
        for _ in 0..3 {
            pair.client.transmitted(0);
            let again = pair.client.transmit(now).map(<[u8]>::to_vec);
            assert_eq!(again, first, "{wire:?} {protocol:?}");
        }
        assert_eq!(pair.client.unsent_bytes(), unsent);
        // Of a stream one byte is one byte, on other wires the whole message.
        pair.client.transmitted(1);
        let rest = pair.client.transmit(now).map(<[u8]>::to_vec);
        match wire {
            Wire::Stream => assert_eq!(rest.as_deref(), first.as_deref().map(|all| &all[1..])),
            _ => assert_ne!(rest, first, "{wire:?} {protocol:?}"),
        }
    }
}
