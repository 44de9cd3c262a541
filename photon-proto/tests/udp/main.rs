//! Photon's reliable UDP from the outside, written from the specification alone: the forty
//! scenarios of udp.md 10 (`u01_` to `u40_`), the nineteen rules of udp.md 9 (`r01_` to `r19_`),
//! recorded sessions and captured datagrams.
//!
//! Times are virtual and exact to the millisecond; nothing sleeps. Bytes of the other end are
//! written by hand. `PHOTON_UDP_FULL=1` runs scenarios 37 and 40 in full, `PHOTON_CAPTURES` names
//! the directory of the captures.

mod acceptor;
mod captured;
mod clock;
mod connect;
mod contract;
mod ending;
mod harness;
mod heap;
mod held;
mod hostile;
mod lossy;
mod memory;
mod receive;
mod recording;
mod replay;
mod resend;
mod rules_command;
mod rules_control;
mod rules_datagram;
mod rules_fragment;
mod send;
mod served;
mod server_time;
mod sleep;
mod sound;
mod wire;

/// Each scenario and each rule has a test. The names are read out of the sources.
#[test]
fn every_scenario_and_rule_has_a_test() {
    let sources = [
        include_str!("connect.rs"),
        include_str!("clock.rs"),
        include_str!("contract.rs"),
        include_str!("ending.rs"),
        include_str!("hostile.rs"),
        include_str!("lossy.rs"),
        include_str!("receive.rs"),
        include_str!("resend.rs"),
        include_str!("rules_command.rs"),
        include_str!("rules_control.rs"),
        include_str!("rules_datagram.rs"),
        include_str!("rules_fragment.rs"),
        include_str!("send.rs"),
    ];
    for (letter, last) in [('u', 40), ('r', 19)] {
        for number in 1..=last {
            let name = format!("#[test]\nfn {letter}{number:02}_");
            assert!(
                sources.iter().any(|source| source.contains(&name)),
                "{letter}{number:02} has no test"
            );
        }
    }
}
