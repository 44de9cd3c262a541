//! Operations of any code, which section 11 does not cover.

use crate::harness::each;
use chat_core::{Event, OperationOptions, Outcome, State, Value};

#[test]
fn any_operation_is_sent_encrypted_or_not() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        for (code, encrypt) in [(199, false), (199, true), (255, true)] {
            let parameters = [(9, Value::Null), (3, "x".into())];
            assert_eq!(
                harness.client.send_operation(
                    code,
                    &parameters,
                    &OperationOptions::new().encrypt(encrypt)
                ),
                Ok(())
            );
            harness.pump();
            harness.expect_request(code, encrypt, &parameters);
        }
        harness.expect_nothing();
        harness.respond(199, -2, Some("unknown"), &[]);
        let [
            Event::OperationResponse {
                operation: 199,
                return_code: -2,
                ..
            },
        ] = harness.take_events()[..]
        else {
            panic!("the answer");
        };
    });
}

#[test]
fn a_response_belongs_to_the_oldest_request_of_its_operation() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let id = harness.subscribe(&["a"]);
        assert_eq!(
            harness
                .client
                .send_operation(0, &[], &OperationOptions::new()),
            Ok(())
        );
        harness.pump();
        harness.respond(0, -2, None, &[]);
        let events = harness.take_events();
        let [
            Event::SubscribeResult(channels),
            Event::OperationResponse { operation: 0, .. },
        ] = &events[..]
        else {
            panic!("{events:?}");
        };
        assert_eq!(channels[0].request, Some(id));
        assert!(matches!(channels[0].outcome, Outcome::Failed(_)));
    });
}
