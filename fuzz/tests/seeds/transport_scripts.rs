//! Scripts made by hand for what only some transports do.

use super::scripts::{
    A, AT_FRONT_END, AT_NAME_SERVER, BOB, CHECK_SUMS, ENCRYPTED, FINE, JSON, JSON_OVER_WS, ME,
    SECRET, Script, TCP, TEXT, UDP, V18, WS, WSS, reconnect,
};
use photon_fuzz::chat_script::{Op, Say};

pub(super) fn all() -> [(&'static str, Script); 17] {
    [
        ("reconnect-wss", reconnect(WSS)),
        ("reconnect-udp", reconnect(UDP)),
        ("greeted-by-a-ping-ws", greeted_by_a_ping(WS)),
        ("greeted-by-a-ping-json", greeted_by_a_ping(JSON)),
        (
            "no-keys-in-json",
            Script::new(ENCRYPTED, [0, 0, JSON_OVER_WS])
                .op(Op::Connect, &[1])
                .opened(false),
        ),
        ("from-ws-to-wss", another_scheme(WS)),
        ("from-wss-to-ws", another_scheme(WSS)),
        ("broken-texts", broken_texts()),
        ("lost-datagrams", lost_datagrams(V18)),
        ("lost-datagrams-encrypted", lost_datagrams(ENCRYPTED)),
        ("broken-datagrams", broken_datagrams(0)),
        (
            "broken-datagrams-with-check-sums",
            broken_datagrams(CHECK_SUMS),
        ),
        ("unsent-at-the-end-udp", unsent_at_the_end(UDP)),
        ("hung-up-datagrams", hung_up_datagrams()),
        // Found by this target.
        (
            "found-values-that-are-larger-than-their-text",
            values_that_are_larger_than_their_text(),
        ),
        (
            "found-much-for-links-that-are-only-flushing",
            much_for_old_links(TCP),
        ),
        (
            "found-much-for-links-that-are-only-flushing-ws",
            much_for_old_links(WS),
        ),
    ]
}

/// The greeting is late, and an answered ping is as good. Spec: wire.md 7.1.
fn greeted_by_a_ping(over: u8) -> Script {
    Script::new(V18, [0, 0, over])
        .op(Op::Connect, &[1])
        .op(Op::Commands, &[])
        .op(Op::Opened, &[])
        .op(Op::Sleep, &[1])
        .said(Say::Pong, &[1, 2, 3, 4, 5, 0])
        .turn()
        .logged_in()
        .op(Op::Commands, &[])
        .op(Op::Opened, &[])
        .op(Op::Sleep, &[0])
        .said(Say::Pong, &[2, 2, 3, 4, 5, 0])
        .said(Say::InitResponse, &[])
        .turn()
        .logged_in()
        .op(Op::Sleep, &[3])
}

/// The name server sends the client to the other kind of WebSocket.
fn another_scheme(over: u8) -> Script {
    Script::new(V18 | AT_NAME_SERVER, [0, 0, over])
        .op(Op::Region, &[])
        .turn()
        .said(Say::Login, &[FINE, 13])
        .turn()
        .opened(false)
        .logged_in()
        .op(Op::Private, &[BOB, TEXT, 0])
        .turn()
}

/// Texts that are no frames, no JSON, no messages; and good ones among them.
fn broken_texts() -> Script {
    let mut script = Script::new(V18 | AT_FRONT_END, [0, 0, JSON]);
    for text in [
        "~m~4~m~~j~{",
        "~m~9~m~~j~{}",
        "~m~2~m~ab~m~3~m~~j~",
        "~m~x",
        "~m~15~m~~j~{\"res\":",
        "~m~14~m~~j~{\"evt\":99}~m~14~m~~j~{\"evt\":98}",
        "~m~1~m~\u{1f600}",
    ] {
        let length = u8::try_from(text.len()).expect("a short text");
        script = script
            .said(Say::Garbage, &[&[length], text.as_bytes()].concat())
            .turn();
    }
    for object in [
        "{\"evt\":0,\"vals\":[1,\"a\"]}",
        "{\"evt\":0,\"vals\":[1]}",
        "{\"res\":3,\"vals\":[[[]]]}",
        "{\"irs\":0}",
        "{\"req\":1}",
        "[]",
    ] {
        let length = u8::try_from(object.len()).expect("a short text");
        script = script
            .said(Say::Framed, &[&[0, length], object.as_bytes()].concat())
            .turn();
    }
    script
        .said(Say::Garbage, &[3, 0xFF, 0xFE, 0])
        .said(Say::Messages, &[A, BOB, TEXT, 2, 1, 0, 0, 0])
        .turn()
}

/// Datagrams are lost both ways, come twice, and in another order; everything arrives in the end.
fn lost_datagrams(first: u8) -> Script {
    Script::new(first | AT_FRONT_END, [0, 0, UDP])
        .op(Op::Subscribe, &[1, A, 0])
        .op(Op::Transmit, &[3])
        .op(Op::Publish, &[A, 5, 2, 0])
        .op(Op::Transmit, &[2])
        .op(Op::Sleep, &[3])
        .lost(Say::Subscribed, &[1, A, 1])
        .lost(Say::Messages, &[A, BOB, TEXT, 2, 1, 0, 0, 0])
        .sealed(Say::Messages, &[A, BOB, 5, 2, 2, 3, 0, 0, 0])
        .op(Op::Sleep, &[7])
        .op(Op::Publish, &[A, 6, 0, 0])
        .op(Op::Transmit, &[2])
        .op(Op::Transmit, &[7])
        .op(Op::Transmit, &[1])
        .op(Op::Disconnect, &[])
        .op(Op::Transmit, &[3])
        .op(Op::Sleep, &[7])
        .op(Op::Connect, &[0])
        .op(Op::Commands, &[])
        .op(Op::Opened, &[])
        .op(Op::Transmit, &[3])
        .op(Op::Sleep, &[2])
        .said(Say::InitResponse, &[])
        .turn()
}

/// What was accepted is still sent when the script is over.
fn unsent_at_the_end(over: u8) -> Script {
    Script::new(V18 | ENCRYPTED | AT_FRONT_END, [0, 0, over])
        .op(Op::Publish, &[A, 6, 1, 0])
        .op(Op::Transmit, &[3])
        .op(Op::Transmit, &[1])
        .op(Op::Private, &[BOB, SECRET, 1])
}

/// The server ends the connection, with the client's operations on their way.
fn hung_up_datagrams() -> Script {
    Script::new(V18 | AT_FRONT_END, [0, 0, UDP])
        .op(Op::Subscribe, &[1, A, 0])
        .said(Say::Messages, &[A, BOB, TEXT, 2, 1, 0, 0, 0])
        .said(Say::Disconnect, &[160])
        .op(Op::Publish, &[A, TEXT, 0])
        .turn()
        .op(Op::Reconnect, &[])
        .opened(false)
        .logged_in()
        .lost(Say::Disconnect, &[160])
        .op(Op::Publish, &[A, TEXT, 0])
        .turn()
        .op(Op::Sleep, &[7])
        .op(Op::Sleep, &[7])
}

/// Datagrams with a byte changed, cut short, or made up; and a server that ends it.
fn broken_datagrams(check_sums: u8) -> Script {
    let mut script = Script::new(V18 | AT_FRONT_END, [0, 0, UDP | check_sums]);
    for at in [0, 2, 3, 8, 12, 13, 14, 23, 27, 30] {
        let changed = [
            Op::Received.byte(),
            Say::Messages.byte(),
            A,
            BOB,
            TEXT,
            2,
            1,
            0,
            0,
            0,
            240,
            at,
            1,
            0,
        ];
        script.0.extend_from_slice(&changed);
        script = script.op(Op::Publish, &[A, TEXT, 0]).turn();
    }
    let cut = [
        Op::Received.byte(),
        Say::Private.byte(),
        BOB,
        ME,
        TEXT,
        1,
        0,
        0,
        0,
        255,
        3,
        0,
    ];
    script.0.extend_from_slice(&cut);
    script
        .said(Say::Garbage, &[4, 0xF3, 0, 0, 0])
        .said(Say::Garbage, &[12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])
        .op(Op::Sleep, &[7])
        .said(Say::Framed, &[0x84, 3, 1, 2, 3])
        .turn()
}

/// Links that only went on sending kept what they received, each up to the cap.
fn much_for_old_links(over: u8) -> Script {
    let mut script = Script::new(V18, [0, 0, over | 1]);
    for old in 0..6 {
        script = script
            .op(Op::Connect, &[0])
            .op(Op::Commands, &[])
            .op(Op::Opened, &[])
            .said(Say::InitResponse, &[])
            .op(Op::Service, &[0])
            .op(Op::Disconnect, &[])
            .op(Op::Connect, &[0])
            .op(Op::Commands, &[])
            .op(Op::Old, &[old, 2])
            .op(Op::Old, &[old, 2])
            .op(Op::Disconnect, &[]);
    }
    script.turn()
}

/// Bytes are an array of numbers in JSON, and a few messages fill the event queue.
fn values_that_are_larger_than_their_text() -> Script {
    let mut script = Script::new(V18 | AT_FRONT_END, [2, 0, JSON]);
    for id in 1..7 {
        script = script.said(Say::Private, &[BOB, ME, 6, 2, id, 0, 0, 0]);
    }
    script.turn()
}
