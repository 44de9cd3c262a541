use photon_proto::Timestamp;

use super::StateError;
use crate::{ServerConfig, ServerCore};

const APP: (&str, &str) = ("app", "1");

fn core(change: impl FnOnce(&mut ServerConfig)) -> ServerCore {
    ServerCore::new(ServerConfig::new().with(change), [7; 32])
}

fn full() -> ServerCore {
    let mut core = core(|_| {});
    for number in 0..5 {
        core.publish(Timestamp::ZERO, APP, "lobby", "ann", number);
    }
    core.publish(Timestamp::ZERO, ("other", "2"), "ärger", "bob", "ü");
    core
}

#[test]
fn a_state_brings_back_channels_with_their_ids() {
    let first = full();
    let mut second = core(|_| {});
    second
        .load_state(Timestamp::from_millis(9), &first.state())
        .expect("a state");
    assert_eq!(
        second.channel_messages("app", "1", "lobby"),
        first.channel_messages("app", "1", "lobby")
    );
    assert_eq!(second.channel_messages("app", "1", "lobby").len(), 5);
    assert_eq!(
        second.publish(Timestamp::ZERO, APP, "lobby", "ann", "next"),
        6
    );
    assert_eq!(second.check_at_rest(), Ok(()));
    // The same state again, except for the last message and the clock of tokens.
    let mut third = core(|config| config.keep_channels = false);
    third
        .load_state(Timestamp::ZERO, &second.state())
        .expect("a state");
    assert!(third.channels().is_empty());
}

#[test]
fn no_damaged_state_is_loaded() {
    let state = full().state();
    let load = |state: &[u8]| core(|_| {}).load_state(Timestamp::ZERO, state);
    for at in 0..state.len() {
        assert!(load(&state[..at]).is_err(), "cut to {at} bytes");
        let mut flipped = state.clone();
        flipped[at] ^= 0x10;
        assert!(load(&flipped).is_err(), "changed at {at}");
    }
    let version = String::from_utf8_lossy(&state[..40]).replacen("state 1", "state 2", 1);
    assert_eq!(
        load(version.as_bytes()),
        Err(StateError::Version("2".to_owned()))
    );
    assert_eq!(load(b""), Err(StateError::NotAState));
    assert_eq!(
        full().load_state(Timestamp::ZERO, &state),
        Err(StateError::NotEmpty)
    );
}
