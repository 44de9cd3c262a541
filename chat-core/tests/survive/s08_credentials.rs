//! Scenario 08: the token has expired or is refused; credentials are needed, given, never given.

use chat_core::codes::return_code;
use chat_core::{AuthValues, ChatConfig, Event, Restore, State};
use dev_server::{AuthResult, AuthRule};
use soak::Loss;

use crate::reader::Mode;
use crate::row::on_every_row;
use crate::world::World;

/// How often the client reported an event of this name.
fn count(world: &World, reader: usize, name: &str) -> usize {
    world.readers[reader].count(|event| event.name() == name)
}

/// A server that accepts one ticket only.
fn accept_ticket(world: &mut World, ticket: &str) {
    let config = world.simulation.server.config_mut();
    config.allow_anonymous = false;
    config.authentication = vec![AuthRule::any(AuthResult::accept()).parameter("ticket", ticket)];
}

/// A client that asks for credentials, and logs in with this ticket first.
fn asking_reader(world: &mut World, ticket: &str) -> usize {
    let values = AuthValues::new(format!("ticket={ticket}"));
    let change = |config: ChatConfig| {
        let restore = Restore::new().ask_for_credentials(true);
        config.authentication(values).restore(restore)
    };
    world.reader_with("alice", &["c"], Mode::Restore, true, change)
}

#[test]
fn s08_an_expired_token_leads_to_the_name_server_without_another_error() {
    on_every_row(|row| {
        let mut world = World::with(row, 1, |config| config.token_lifetime_ms = 5_000);
        let reader = world.reader("alice", &["c"]);
        world.publish("c", 3);
        world.run_for(10_000);
        world.lose(reader, Loss::Reset);
        world.publish("c", 3);
        world.finish();
        assert_eq!(count(&world, reader, "Error"), 1);
        assert_eq!(count(&world, reader, "Restored"), 1);
    });
}

#[test]
fn s08_a_server_that_forgot_its_tokens_is_logged_in_to_again() {
    on_every_row(|row| {
        let mut world = World::new(row, 2);
        let reader = world.reader("alice", &["c"]);
        world.publish("c", 3);
        world.run_for(500);
        world.restart_server(5_000, false);
        world.finish();
        assert_eq!(count(&world, reader, "ReconnectGaveUp"), 0);
        assert_eq!(world.state(reader), State::Disconnected);
    });
}

#[test]
fn s08_a_user_that_is_refused_for_good_is_reported_once() {
    for (code, attempts) in [
        (return_code::INVALID_AUTHENTICATION, 1),
        (return_code::USER_BLOCKED, 1),
        (return_code::INVALID_REGION, 1),
        (return_code::AUTHENTICATION_TICKET_EXPIRED, 2),
        (return_code::CUSTOM_AUTHENTICATION_FAILED, 3),
    ] {
        on_every_row(|row| {
            let mut world = World::with(row, 3, |config| config.token_lifetime_ms = 1_000);
            let values = AuthValues::new("ticket=1");
            let change = |config: ChatConfig| config.authentication(values).restore(Restore::new());
            accept_ticket(&mut world, "1");
            let reader = world.reader_with("alice", &["c"], Mode::Restore, true, change);
            world.run_for(5_000);
            let refuse = AuthResult::Refuse {
                code,
                text: "no".to_owned(),
            };
            let config = world.simulation.server.config_mut();
            config.authentication = vec![AuthRule::any(refuse)];
            world.lose(reader, Loss::Reset);
            world.run_for(600_000);
            let gave_up = count(&world, reader, "ReconnectGaveUp");
            let scheduled = count(&world, reader, "ReconnectScheduled");
            // The kept token counts as the first of two that have expired.
            let attempts = if code == return_code::AUTHENTICATION_TICKET_EXPIRED {
                attempts - 1
            } else {
                attempts
            };
            assert_eq!((gave_up, scheduled), (1, attempts), "{}", world.trace());
            assert_eq!(world.state(reader), State::Error);
            world.check_rest();
        });
    }
}

#[test]
fn s08_credentials_that_are_needed_and_given_bring_the_session_back() {
    on_every_row(|row| {
        let mut world = World::with(row, 4, |config| config.token_lifetime_ms = 5_000);
        accept_ticket(&mut world, "1");
        let reader = asking_reader(&mut world, "1");
        world.publish("c", 3);
        world.run_for(500);
        // While the token is valid, no credentials are needed.
        world.lose(reader, Loss::Reset);
        world.run_for(2_500);
        assert_eq!(count(&world, reader, "CredentialsNeeded"), 0);
        assert_eq!(world.state(reader), State::ConnectedToFrontEnd);
        world.run_for(10_000);
        accept_ticket(&mut world, "2");
        world.lose(reader, Loss::Reset);
        world.publish("c", 3);
        world.run_for(10_000);
        assert_eq!(count(&world, reader, "CredentialsNeeded"), 1);
        assert_eq!(world.state(reader), State::Error);
        let values = AuthValues::new("ticket=2");
        world.chat(reader).set_custom_authentication(values);
        world.finish();
        assert_eq!(count(&world, reader, "CredentialsNeeded"), 1);
        assert_eq!(count(&world, reader, "ReconnectGaveUp"), 0);
    });
}

#[test]
fn s08_credentials_that_are_never_given_end_the_session_after_a_minute() {
    on_every_row(|row| {
        let mut world = World::with(row, 5, |config| config.token_lifetime_ms = 1_000);
        accept_ticket(&mut world, "1");
        let reader = asking_reader(&mut world, "1");
        world.run_for(5_000);
        world.lose(reader, Loss::Reset);
        world.run_for(55_000);
        assert_eq!(count(&world, reader, "CredentialsNeeded"), 1);
        assert_eq!(count(&world, reader, "ReconnectGaveUp"), 0);
        world.run_for(30_000);
        let events = &world.readers[reader].events;
        let at = |name: &str| {
            let found = events.iter().find(|(_, event)| event.name() == name);
            found.map(|(at_ms, _)| *at_ms).expect("the event")
        };
        let waited_ms = at("ReconnectGaveUp") - at("CredentialsNeeded");
        assert_eq!(waited_ms, 60_000);
        assert!(matches!(
            events.last(),
            Some((_, Event::ReconnectGaveUp { .. }))
        ));
        world.run_for(600_000);
        assert_eq!(count(&world, reader, "ReconnectGaveUp"), 1);
        world.check_rest();
    });
}
