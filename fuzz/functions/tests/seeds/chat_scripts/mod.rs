//! Scripts for `chat_script`: an ordinary chat, and everything that gets in its way.

mod builder;
mod chats;
mod coming_back;
mod errors;
mod parts;
mod transports;

use builder::Builder;
use chat_core::SubProtocol;
use dev_server::Transport;
use parts::framed;
use photon_fuzz::chat_script::{CarriedOver, Script, SerializedAs, Setup, Start};
use photon_fuzz::script::OneIn;

/// A setup with one address, the usual caps and no encryption.
fn setup(transport: Transport, subprotocol: SubProtocol, start: Start) -> Setup {
    Setup {
        transport: CarriedOver::of(transport),
        subprotocol: SerializedAs::of(subprotocol),
        start,
        ..Setup::default()
    }
}

/// A setup for scripts that do not depend on the transport.
fn tcp(start: Start) -> Setup {
    setup(Transport::Tcp, SubProtocol::GpBinaryV18, start)
}

/// The transports, serializations and kinds of encryption that a client can have, by name.
fn variants() -> Vec<(&'static str, Setup)> {
    use SubProtocol::{GpBinaryV16, GpBinaryV18, Json};
    use Transport::{Tcp, Udp, Ws, Wss};
    let plain = |transport, subprotocol| setup(transport, subprotocol, Start::FrontEnd);
    let encrypted = |transport, subprotocol| Setup {
        encrypted: true,
        ..plain(transport, subprotocol)
    };
    let twice = |transport, subprotocol| Setup {
        twice: OneIn(true),
        ..encrypted(transport, subprotocol)
    };
    let udp_encrypted = Setup {
        crc: true,
        ..twice(Udp, GpBinaryV18)
    };
    vec![
        ("v16", plain(Tcp, GpBinaryV16)),
        ("v18", plain(Tcp, GpBinaryV18)),
        ("v16-encrypted", encrypted(Tcp, GpBinaryV16)),
        ("v18-encrypted", twice(Tcp, GpBinaryV18)),
        ("ws-v16", plain(Ws, GpBinaryV16)),
        ("ws-v18-encrypted", encrypted(Ws, GpBinaryV18)),
        ("wss-v18", twice(Wss, GpBinaryV18)),
        ("json", twice(Wss, Json)),
        ("json-over-ws", plain(Ws, Json)),
        ("udp-v16", plain(Udp, GpBinaryV16)),
        ("udp-v18-encrypted", udp_encrypted),
    ]
}

/// Messages on the front end, one after the other; those that are too long are left out.
pub(super) fn messages(new: bool, messages: &[&[u8]]) -> Script {
    let subprotocol = if new {
        SubProtocol::GpBinaryV18
    } else {
        SubProtocol::GpBinaryV16
    };
    let mut script = Builder::new(setup(Transport::Tcp, subprotocol, Start::FrontEnd));
    for message in messages {
        if let [_, kind, body @ ..] = message
            && body.len() <= 120
        {
            script = script.receive(framed(*kind, body)).turn();
        }
    }
    script.build()
}

/// All of them by name.
pub(super) fn all() -> Vec<(String, Script)> {
    let mut all = Vec::new();
    for (which, setup) in variants() {
        for (name, script) in [
            ("chat", chats::chat(setup.clone())),
            ("presence", chats::presence(setup.clone())),
            ("by-hand", chats::by_hand(setup.clone())),
            ("pressure", chats::pressure(setup.clone())),
            ("broken", chats::broken(setup.clone())),
        ] {
            all.push((format!("{name}-{which}"), script.build()));
        }
    }
    for (name, script) in [
        ("regions", errors::regions()),
        ("no-answer", errors::no_answer()),
        ("refused", errors::refused()),
        ("reconnect", errors::reconnect(Transport::Tcp)),
        ("bad-calls", errors::bad_calls()),
        ("bad-keys", errors::bad_keys()),
        // Found by this target.
        (
            "found-causes-of-an-abandoned-attempt",
            errors::causes_of_an_abandoned_attempt(),
        ),
        (
            "found-input-before-the-link-is-open",
            errors::input_before_the_link_is_open(),
        ),
        (
            "found-input-that-waits-for-event-space",
            errors::input_that_waits_for_event_space(),
        ),
    ]
    .into_iter()
    .chain(transports::all())
    .chain(coming_back::all())
    {
        all.push((name.to_owned(), script.build()));
    }
    all
}
