//! Scripts for what only some transports do.

use super::builder::Builder;
use super::errors::reconnect;
use super::parts::{
    CONNECT, CONNECT_TO_NAME_SERVER, framed, garbage, messages_of, pong, private, publish,
    send_private, sleep, subscribe, subscribed,
};
use super::setup;
use chat_core::SubProtocol;
use dev_server::Transport;
use photon_fuzz::chat_script::{
    AddressError, Code, ConnectionCall, Content, Damage, Drive, Fault, Handshake,
    MessagesPerService, Name, OldLinkEvent, Other, Pass, Setup, Start,
};
use photon_fuzz::script::OneIn;

pub(super) fn all() -> [(&'static str, Builder); 17] {
    use SubProtocol::{GpBinaryV18, Json};
    use Transport::{Tcp, Udp, Ws, Wss};
    [
        ("reconnect-wss", reconnect(Wss)),
        ("reconnect-udp", reconnect(Udp)),
        (
            "pong-before-the-init-response-ws",
            first_message_is_a_pong(Ws, GpBinaryV18),
        ),
        (
            "pong-before-the-init-response-json",
            first_message_is_a_pong(Wss, Json),
        ),
        ("no-keys-in-json", no_keys_in_json()),
        ("front-end-upgrades-to-wss", other_scheme(Ws)),
        ("front-end-downgrades-to-ws", other_scheme(Wss)),
        ("broken-texts", broken_texts()),
        ("lost-datagrams", lost_datagrams(udp(Start::FrontEnd))),
        ("lost-datagrams-encrypted", lost_datagrams(udp_encrypted())),
        ("broken-datagrams", broken_datagrams(false)),
        ("broken-datagrams-crc", broken_datagrams(true)),
        ("unsent-at-the-end-udp", unsent_at_the_end()),
        ("server-disconnects-udp", server_disconnects()),
        // Found by this target.
        (
            "found-json-values-larger-than-their-text",
            values_that_are_larger_than_their_text(),
        ),
        ("found-much-input-of-closing-links", much_for_old_links(Tcp)),
        (
            "found-much-input-of-closing-links-ws",
            much_for_old_links(Ws),
        ),
    ]
}

fn udp(start: Start) -> Setup {
    setup(Transport::Udp, SubProtocol::GpBinaryV18, start)
}

/// Its protocol is 1.6.
fn udp_encrypted() -> Setup {
    Setup {
        encrypted: true,
        ..setup(Transport::Udp, SubProtocol::GpBinaryV16, Start::FrontEnd)
    }
}

/// The init response is late, and a ping response counts as one. Spec: wire.md 7.1
fn first_message_is_a_pong(transport: Transport, subprotocol: SubProtocol) -> Builder {
    Builder::new(setup(transport, subprotocol, Start::Disconnected))
        .then(CONNECT)
        .then(Pass::Commands)
        .then(Drive::Opened)
        .then(sleep(2))
        .receive(pong(0x0403_0201, 1_000))
        .turn()
        .login()
        .then(Pass::Commands)
        .then(Drive::Opened)
        .then(sleep(1))
        .receive(pong(0x0403_0202, 1_000))
        .receive(Handshake::InitResponse)
        .turn()
        .login()
        .then(sleep(4))
}

/// With encryption and without TLS a JSON client gets nowhere.
fn no_keys_in_json() -> Builder {
    let setup = Setup {
        encrypted: true,
        ..setup(Transport::Ws, SubProtocol::Json, Start::Disconnected)
    };
    Builder::new(setup)
        .then(CONNECT)
        .then(Pass::Commands)
        .then(Drive::Opened)
        .receive(Handshake::InitResponse)
        .turn()
}

/// The name server sends the client to the other kind of WebSocket.
fn other_scheme(transport: Transport) -> Builder {
    let error = Some(AddressError::OtherTransport);
    Builder::new(setup(
        transport,
        SubProtocol::GpBinaryV18,
        Start::NameServer,
    ))
    .then(ConnectionCall::ConnectToRegion)
    .turn()
    .receive(Handshake::login(Code::OK, error))
    .turn()
    .link()
    .login()
    .then(send_private(Name::BOB, Content::Text, false))
    .turn()
}

/// Texts that are not frames, not JSON or not messages, and good ones among them.
fn broken_texts() -> Builder {
    let mut script = Builder::new(setup(Transport::Wss, SubProtocol::Json, Start::FrontEnd));
    for text in [
        "~m~4~m~~j~{",
        "~m~9~m~~j~{}",
        "~m~2~m~ab~m~3~m~~j~",
        "~m~x",
        "~m~15~m~~j~{\"res\":",
        "~m~14~m~~j~{\"evt\":99}~m~14~m~~j~{\"evt\":98}",
        "~m~1~m~\u{1f600}",
    ] {
        script = script.receive(garbage(text.as_bytes())).turn();
    }
    for object in [
        "{\"evt\":0,\"vals\":[1,\"a\"]}",
        "{\"evt\":0,\"vals\":[1]}",
        "{\"res\":3,\"vals\":[[[]]]}",
        "{\"irs\":0}",
        "{\"req\":1}",
        "[]",
    ] {
        script = script.receive(framed(0, object.as_bytes())).turn();
    }
    script
        .receive(garbage(&[0xFF, 0xFE, 0]))
        .receive(messages_of(Name::A, Name::BOB, Content::Text, 2, 1))
        .turn()
}

/// Datagrams are lost in both directions, duplicated and reordered. Everything arrives in the end.
fn lost_datagrams(setup: Setup) -> Builder {
    use Name as N;
    let lose = || Pass::Transmit { max_bytes: 3 };
    let duplicate = || Pass::Transmit { max_bytes: 2 };
    Builder::new(setup)
        .then(subscribe(&[N::A]))
        .then(lose())
        .then(publish(N::A, Content::bytes(900)))
        .then(duplicate())
        .then(sleep(4))
        .lose(subscribed(&[N::A]))
        .lose(messages_of(N::A, N::BOB, Content::Text, 2, 1))
        .receive_sealed(messages_of(N::A, N::BOB, Content::bytes(900), 2, 3))
        .then(sleep(8))
        .then(publish(N::A, Content::bytes(9_000)))
        .then(duplicate())
        .then(Pass::Transmit { max_bytes: 7 })
        .then(Pass::Transmit { max_bytes: 1 })
        .then(ConnectionCall::Disconnect)
        .then(lose())
        .then(sleep(8))
        .then(CONNECT_TO_NAME_SERVER)
        .then(Pass::Commands)
        .then(Drive::Opened)
        .then(lose())
        .then(sleep(3))
        .receive(Handshake::InitResponse)
        .turn()
}

/// Accepted operations are still sent after the end of the script.
fn unsent_at_the_end() -> Builder {
    let setup = Setup {
        encrypted: true,
        ..udp(Start::FrontEnd)
    };
    Builder::new(setup)
        .then(publish(Name::A, Content::bytes(40_000)))
        .then(Pass::Transmit { max_bytes: 3 })
        .then(Pass::Transmit { max_bytes: 1 })
        .then(send_private(Name::BOB, Content::Secret, true))
}

/// The server disconnects while operations of the client are on their way.
fn server_disconnects() -> Builder {
    let disconnect = || Other::Disconnect(Code::of(32_767));
    Builder::new(udp(Start::FrontEnd))
        .then(subscribe(&[Name::A]))
        .receive(messages_of(Name::A, Name::BOB, Content::Text, 2, 1))
        .receive(disconnect())
        .then(publish(Name::A, Content::Text))
        .turn()
        .then(ConnectionCall::Reconnect)
        .link()
        .login()
        .lose(disconnect())
        .then(publish(Name::A, Content::Text))
        .turn()
        .then(sleep(8))
        .then(sleep(8))
}

/// Datagrams with a changed byte, cut short, or made up.
fn broken_datagrams(crc: bool) -> Builder {
    let mut script = Builder::new(Setup {
        crc,
        ..udp(Start::FrontEnd)
    });
    for at in [0, 2, 3, 8, 12, 13, 14, 23, 27, 30] {
        script = script
            .receive_damaged(
                messages_of(Name::A, Name::BOB, Content::Text, 2, 1),
                Damage::Flip { at, bits: 1 },
            )
            .then(publish(Name::A, Content::Text))
            .turn();
    }
    script
        .receive_damaged(
            private(Name::BOB, Name::ME, Content::Text, 1),
            Damage::Cut(3),
        )
        .receive(garbage(&[0xF3, 0, 0, 0]))
        .receive(garbage(&[0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]))
        .then(sleep(8))
        .receive(framed(0x84, &[1, 2, 3]))
        .turn()
}

/// Links that only sent their last bytes kept their input, each up to the cap.
fn much_for_old_links(transport: Transport) -> Builder {
    let mut script = Builder::new(Setup {
        small_outgoing_cap: OneIn(true),
        ..setup(transport, SubProtocol::GpBinaryV18, Start::Disconnected)
    });
    for which in 0..6 {
        let event = OldLinkEvent::ManyBytes;
        script = script
            .then(CONNECT_TO_NAME_SERVER)
            .then(Pass::Commands)
            .then(Drive::Opened)
            .receive(Handshake::InitResponse)
            .then(Drive::Service { ms: 0 })
            .then(ConnectionCall::Disconnect)
            .then(CONNECT_TO_NAME_SERVER)
            .then(Pass::Commands)
            .then(Fault::OldLink { which, event })
            .then(Fault::OldLink { which, event })
            .then(ConnectionCall::Disconnect);
    }
    script.turn()
}

/// In JSON a byte array is an array of numbers, so that a few messages fill the event queue.
fn values_that_are_larger_than_their_text() -> Builder {
    let mut script = Builder::new(Setup {
        messages_per_service: MessagesPerService::of(1_000),
        ..setup(Transport::Wss, SubProtocol::Json, Start::FrontEnd)
    });
    for id in 1..7 {
        script = script.receive(private(Name::BOB, Name::ME, Content::bytes(60_000), id));
    }
    script.turn()
}
