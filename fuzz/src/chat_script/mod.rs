//! Target [`chat_script()`]: a client, its driver, its application and its servers, all out of one string of bytes.

mod application;
mod carrier;
mod expectations;
mod inbound;
mod samples;
mod script;
mod server;
mod server_message;
mod transport;
mod world;

pub use script::Op;
pub use server_message::Say;
pub use transport::Transport;

use script::Script;
use std::hash::{DefaultHasher, Hasher};
use world::World;

/// Any bytes as what happens to a [`ChatClient`](chat_core::ChatClient): four bytes say how it is set up and how far it
/// is, then comes one [`Op`] after the other with what belongs to it, in any order.
///
/// The setup also chooses the [`Transport`]. Over datagrams the script says what is lost, repeated, turned round and
/// changed; what a server says goes through a server's end of the connection.
///
/// What has to hold is the contract at the top of [`chat_core`]: calls that fail change nothing, states follow each other
/// without a gap, every request has one outcome for each name and every `get_regions` one result, an end is told with
/// everything that belongs to it and nothing after it, links are opened and closed once, bytes are sent once and in order,
/// buffers and caches stay under their caps, deadlines are not busy, nothing that must be encrypted goes in clear over
/// links that are not secure, links are of the transport that was asked for, over datagrams what was accepted arrives
/// unless it is counted as cut short, and the same script gives the same bytes and events.
///
/// # Panics
/// If one of these does not hold.
pub fn chat_script(data: &[u8]) {
    play(data);
}

/// What a script got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
    /// Whether the client was ever connected to the front end.
    pub reached_front_end: bool,
    /// How many steps there were, those included that lead to the beginning of the script.
    pub steps: usize,
    /// What carried the messages.
    pub transport: Transport,
}

/// As [`chat_script()`], and tells how far it got.
///
/// # Panics
/// As [`chat_script()`].
pub fn play(data: &[u8]) -> Played {
    let script = Script::read(data);
    let (played, transcript) = run(&script, false);
    if script.setup.twice {
        assert_eq!(
            run(&script, false),
            (played, transcript),
            "the same script, other bytes or events"
        );
    }
    played
}

/// As [`chat_script()`], and prints every step and every event on the way.
///
/// # Panics
/// As [`chat_script()`].
pub fn explain(data: &[u8]) {
    let script = Script::read(data);
    println!("{:#?}", script.setup);
    run(&script, true);
}

fn run(script: &Script<'_>, told_aloud: bool) -> (Played, Option<u64>) {
    let mut world = World::new(&script.setup, told_aloud);
    for step in &script.steps {
        world.step(step);
    }
    world.finish();
    let played = Played {
        reached_front_end: world.reached_front_end,
        steps: script.steps.len(),
        transport: script.setup.transport,
    };
    (played, world.transcript.as_ref().map(DefaultHasher::finish))
}
