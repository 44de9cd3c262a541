//! Target [`udp_connection()`]: a client, a server, the network between them and strangers, all out of one string of
//! bytes.

mod endpoints;
mod expectations;
mod flood;
mod forge;
mod invariants;
mod script;
mod world;

pub use flood::{Flooded, Role, flood};
pub use script::Op;
pub use world::Reached;

use script::Script;
use world::World;

/// Any bytes as what happens to two ends of a reliable UDP connection: five bytes say how they are set up, then comes
/// one [`Op`] after the other with what belongs to it, in any order. The server is one accepted connection, or an
/// acceptor, to which strangers come as well.
///
/// - Nothing panics, whatever arrives and whatever the time is.
/// - After `handle_timeout(t)` the next deadline is later than `t`; while anything is in flight there is one.
/// - What was received and not taken is bounded: the incoming cap, one message and one datagram.
/// - `Connected` is told once and first, `Disconnected` last; after it there are no events and hardly any datagrams.
/// - What is sent can be read, is not longer than the MTU, and is the same until it is reported as sent.
/// - Calls that fail, datagrams with a wrong challenge and datagrams with a wrong check sum change nothing.
/// - As long as nobody who knows the challenge forges a datagram: each message arrives as its delivery promises,
///   however datagrams are lost, repeated and delayed; neither end blames the other; and once the network is mended, all
///   that was sent arrives if both ends are still connected, or if the client shuts down and is not cut off.
///
/// # Panics
/// If one of these does not hold.
pub fn udp_connection(data: &[u8]) {
    play(data);
}

/// As [`udp_connection()`], and tells how far it got.
///
/// # Panics
/// As [`udp_connection()`].
pub fn play(data: &[u8]) -> Reached {
    run(data, false)
}

/// As [`udp_connection()`], and prints every step and every event on the way.
///
/// # Panics
/// As [`udp_connection()`].
pub fn explain(data: &[u8]) {
    run(data, true);
}

fn run(data: &[u8], told_aloud: bool) -> Reached {
    let script = Script::read(data);
    if told_aloud {
        println!("{:#?}", script.setup);
    }
    let mut world = World::new(&script.setup, told_aloud);
    for step in &script.steps {
        world.step(step);
    }
    world.finish();
    world.reached
}
