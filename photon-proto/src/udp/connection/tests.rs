//! Tests of the last sequence numbers, which cannot be reached from outside. Spec: udp.md 4.1.

use super::{ConnectRequest, Connection};
use crate::tcp::Delivery;
use crate::time::Timestamp;
use crate::udp::send::LAST_NUMBER;
use crate::udp::{Cause, Config, Event, SendError, State, Violation};
use core::time::Duration;

const NOW: Timestamp = Timestamp::ZERO;
const EXHAUSTED: Event = Event::Disconnected(Cause::ProtocolError(Violation::NumbersExhausted));

/// Passes all datagrams of one end to the other.
fn pass(from: &mut Connection, to: &mut Connection) {
    while let Some(datagram) = from.transmit(NOW) {
        to.handle_datagram(NOW, datagram);
        from.transmitted();
    }
}

/// Connects a client and a server that have `left` numbers left.
fn pair(left: u32) -> [Connection; 2] {
    let mut client = Connection::connect(Config::client(), 7, NOW);
    let request = client
        .transmit(NOW)
        .and_then(ConnectRequest::decode)
        .expect("a connect");
    client.transmitted();
    let mut server = Connection::accept(Config::server(), &request, 9, 0, NOW);
    pass(&mut server, &mut client);
    pass(&mut client, &mut server);
    for end in [&mut client, &mut server] {
        assert_eq!(end.poll_event(), Some(Event::Connected));
        end.sender.skip_to(LAST_NUMBER - left);
    }
    [client, server]
}

#[test]
fn a_message_without_a_number_ends_the_connection() {
    for code in 0..4 {
        let delivery = Delivery::from_code(code).expect("a delivery");
        for end in &mut pair(1) {
            assert_eq!(end.send(0, delivery, b"the last"), Ok(()));
            assert_eq!(
                end.send(0, delivery, b"one too many"),
                Err(SendError::NumbersExhausted)
            );
            assert_eq!(
                (end.state(), end.poll_event()),
                (State::Disconnected, Some(EXHAUSTED))
            );
            assert_eq!(end.send(0, delivery, b"over"), Err(SendError::NotConnected));
            assert_eq!(end.transmit(NOW), None);
            assert_eq!(end.poll_timeout(), None);
        }
    }
}

#[test]
fn a_message_with_more_parts_than_numbers_ends_the_connection() {
    let [mut client, _] = pair(2);
    assert_eq!(
        client.send(0, Delivery::Reliable, &[1; 3000]),
        Err(SendError::NumbersExhausted)
    );
    assert_eq!(client.poll_event(), Some(EXHAUSTED));
}

/// Other errors do not end the connection.
#[test]
fn a_message_that_is_refused_for_another_reason_ends_nothing() {
    let [mut client, _] = pair(1);
    assert_eq!(
        client.send(9, Delivery::Reliable, b"x"),
        Err(SendError::Channel(9))
    );
    let failed = client.send_with(0, Delivery::Reliable, |_, _| {
        Err(SendError::NumbersExhausted)
    });
    assert_eq!(
        (failed, client.state()),
        (Err(SendError::NumbersExhausted), State::Connected)
    );
    assert_eq!(client.send(0, Delivery::Reliable, b"x"), Ok(()));
}

#[test]
fn a_control_command_without_a_number_ends_the_connection() {
    let [mut client, _] = pair(0);
    client.fetch_server_time();
    assert_eq!(client.state(), State::Connected);
    let _sent = client.transmit(NOW);
    client.shutdown(NOW, Duration::from_secs(1), 4);
    client.sender.clear();
    client.handle_timeout(NOW.plus_millis(1000));
    assert_eq!(client.poll_event(), Some(EXHAUSTED));
}
