//! Target [`udp_connection()`]: a client, a server, the network between them and attackers, all from
//! one byte string.

mod endpoints;
mod expectations;
mod flood;
mod forge;
mod harness;
mod invariants;
mod network;
mod observer;
mod script;
mod server;
mod setup;

pub use flood::{Flooded, Role, flood};
pub use forge::{CommandKind, ForgedCommand, Forgery};
pub use harness::Reached;
pub use script::{
    Attack, Call, Channel, Clock, Datagram, End, LeapMs, Length, NetworkStep, Outgoing, Reason,
    Script, SendDelivery, ShutdownTimeout, Step,
};
pub use setup::{
    Channels, Clocks, ConnectTimeout, DisconnectTimeout, HalfOpen, HalfOpenTimeout, IncomingCap,
    MaxConnections, MaxMessage, MaxViolations, Mtu, PingIntervals, Resends, SendWindow, Setup,
};

use harness::Harness;

/// The challenge of the client.
const CHALLENGE: u32 = 0x672E_0433;
/// The peer id that one accepted connection assigns.
const PEER_ID: u16 = 0x0042;
/// The address of the client, as an acceptor sees it. Strangers may have others.
const CLIENT_ADDRESS: u8 = 0;

/// Reads bytes as a [`Script`] and plays it with both ends of a UDP connection. The server is one
/// accepted connection or an acceptor, to which strangers come as well.
///
/// - Nothing panics, whatever datagrams arrive and whatever the time is.
/// - After `handle_timeout(t)` the next deadline is later than `t`. While a command is in flight there
///   is a deadline.
/// - Received messages that the application does not take are limited: by the incoming cap, one message
///   and one datagram.
/// - `Connected` is announced once and first, `Disconnected` last. After it there are no events and
///   hardly any datagrams.
/// - Sent datagrams have no errors, are not longer than the MTU, and stay the same until they are
///   reported as sent.
/// - Failed calls, and datagrams with a wrong challenge or a wrong checksum, change nothing.
/// - Unless an attacker who knows the challenge forges a datagram: each message arrives as its delivery
///   promises, however datagrams are lost, duplicated and delayed; and neither end reports an error of
///   the other. Once the network loses nothing any more, all messages arrive if both ends are still
///   connected, or if the client shuts down and succeeds.
///
/// # Panics
/// If one of these does not hold.
pub fn udp_connection(data: &[u8]) {
    play(&Script::decode(data));
}

/// Plays a script as [`udp_connection()`] does. Returns how far it got.
///
/// # Panics
/// As [`udp_connection()`].
pub fn play(script: &Script) -> Reached {
    run(script, false)
}

/// Plays a script as [`udp_connection()`] does, and prints every step and every event.
///
/// # Panics
/// As [`udp_connection()`].
pub fn explain(script: &Script) {
    println!("{:#?}", script.setup);
    run(script, true);
}

fn run(script: &Script, is_verbose: bool) -> Reached {
    let mut harness = Harness::new(&script.setup, is_verbose);
    for step in script.played_steps() {
        harness.step(step);
    }
    harness.finish();
    harness.reached()
}
