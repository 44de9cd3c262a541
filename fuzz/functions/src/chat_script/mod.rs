//! Target [`chat_script()`]: a client with its driver, its application and its servers, all from one
//! byte string.
//!
//! The servers are raw endpoints on purpose, not the development server and not
//! `photon_proto::peer`: they must be able to forge and to misbehave, and to check the client with
//! code that the client does not share.

mod carrier;
mod coming_back;
mod expectations;
mod harness;
mod inbound;
mod samples;
mod script;
mod server;
mod server_message;
mod setup;

pub use inbound::{Damage, Inbound};
pub use samples::{
    ByteCount, Code, Content, Depth, Life, MaxSubscribers, MessageId, Name, Names, Odd, Plain,
    Properties, Property,
};
pub use script::{
    Call, ChannelCall, ConnectionCall, Drive, Fault, History, JumpTo, LastIds, OldLinkEvent,
    Parameter, Pass, Script, StatusText, Step, SubscriberLimit, UserCall,
};
pub use server_message::{
    AddressError, ChannelDetails, ChatEvent, Handshake, KeyError, Other, PresenceEvent,
    ServerMessage,
};
pub use setup::{
    CarriedOver, ChannelsAtATime, MessagesPerService, QueueBytes, RequestTimeout, Restoring,
    SerializedAs, Setup, Start,
};

use dev_server::Transport;
use harness::Harness;

/// Reads bytes as a [`Script`] and plays it with a [`ChatClient`](chat_core::ChatClient).
///
/// The setup chooses the transport. Over UDP the script decides which datagrams are lost,
/// duplicated, reordered and changed.
///
/// The assertions are the contract at the top of [`chat_core`]:
///
/// - A call that fails changes nothing.
/// - States follow each other without a gap; an end is announced with everything that belongs to it
///   and with nothing after it.
/// - Every request has one outcome for each name, every `get_regions` one result.
/// - Links are opened and closed once, and have the transport of the configuration. Bytes are sent
///   once and in order. Nothing secret leaves in clear over an insecure link.
/// - Over UDP all accepted operations arrive, unless they are counted as cut short.
/// - Buffers and caches stay below their caps; deadlines are never busy.
/// - The same script gives the same bytes and events.
///
/// # Panics
/// If one of these does not hold.
pub fn chat_script(data: &[u8]) {
    play(&Script::decode(data));
}

/// A script's progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Whether the client was ever connected to the front end.
    pub front_end: bool,
    /// The number of steps, with those that lead to the beginning of the script.
    pub steps: usize,
    /// The carrier of the messages.
    pub transport: Transport,
    /// Whether the messages were JSON texts.
    pub json: bool,
}

/// Plays a script as [`chat_script()`] does. Returns how far it got.
///
/// # Panics
/// As [`chat_script()`].
pub fn play(script: &Script) -> Reached {
    let (reached, transcript) = run(script, false);
    if script.setup.twice.0 {
        assert_eq!(
            run(script, false),
            (reached, transcript),
            "the same script, other bytes or events"
        );
    }
    reached
}

/// Plays a script as [`chat_script()`] does, and prints every step and every event.
///
/// # Panics
/// As [`chat_script()`].
pub fn explain(script: &Script) {
    println!("{:#?}", script.setup);
    run(script, true);
}

fn run(script: &Script, is_verbose: bool) -> (Reached, Option<u64>) {
    let mut harness = Harness::new(&script.setup, is_verbose);
    let first_steps = script.setup.first_steps();
    for step in first_steps.iter().chain(&script.steps) {
        harness.step(step);
    }
    harness.finish();
    let reached = Reached {
        front_end: harness.reached_front_end(),
        steps: first_steps.len() + script.steps.len(),
        transport: script.setup.transport(),
        json: script.setup.is_json(),
    };
    (reached, harness.transcript())
}
