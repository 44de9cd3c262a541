//! The count of messages that were accepted and not sent.

use crate::harness::{Pair, WIRES, send};
use photon_proto::Random;
use photon_proto::message::MessageKind;
use photon_proto::peer::{End, Inbound, Wire};

#[test]
fn sound04_messages_count_until_they_are_sent_or_acknowledged() {
    for (wire, protocol) in WIRES {
        let mut pair = Pair::uncut(wire, protocol);
        assert_eq!(pair.client.unsent_messages(), 0, "{wire:?}: the handshake");
        for count in 1..=3 {
            send(&mut pair.client, MessageKind::Request, 2, "x", false);
            assert_eq!(pair.client.unsent_messages(), count, "{wire:?}");
        }
        pair.run();
        assert_eq!(pair.client.unsent_messages(), 0, "{wire:?}");
        // Servers count as well.
        send(&mut pair.server, MessageKind::Event, 2, "x", false);
        assert_eq!(pair.server.unsent_messages(), 1, "{wire:?}");
    }
}

/// A link that is gone stays the cause: the UDP connection would time out later because of it.
#[test]
fn sound04_what_follows_from_the_end_of_the_link_does_not_replace_it() {
    for (wire, protocol) in WIRES {
        let mut pair = Pair::uncut(wire, protocol);
        send(&mut pair.client, MessageKind::Request, 2, "x", false);
        let now = pair.now;
        if wire == Wire::Datagram {
            let _sent = pair.client.transmit(now);
            pair.client.transmitted(1);
        }
        pair.client.link_closed();
        pair.client.handle_timeout(now.plus_millis(60_000));
        let end = pair
            .client
            .receive(now.plus_millis(60_000), &mut Random::new([0; 32]));
        assert_eq!(end, Inbound::Ended(End::LinkClosed), "{wire:?}");
        assert_eq!(pair.client.unsent_messages(), 1, "{wire:?}");
    }
}
