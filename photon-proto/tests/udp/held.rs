//! Messages that wait for earlier ones, once the connection is over. Spec: udp.md 7 and 9.

use crate::harness::both;
use crate::wire::Cmd;
use photon_proto::udp::State;

#[test]
fn sound19_an_ended_connection_holds_no_messages() {
    for ends_itself in [true, false] {
        both(|harness| {
            harness.end.taking = false;
            for rseq in [2, 3, 5] {
                harness.feed(&[Cmd::reliable(0, rseq, &[7; 500])]);
            }
            let held = harness.end.conn.received_bytes();
            assert!(held >= 1_500, "{held}");
            if ends_itself {
                harness.conn().close();
            } else {
                harness.feed(&[Cmd::disconnect(1, 0)]);
            }
            assert_eq!(harness.conn().state(), State::Disconnected);
            // They could never be delivered: 1 does not come any more.
            assert_eq!(harness.end.conn.received_bytes(), 0, "{ends_itself}");
        });
    }
}
