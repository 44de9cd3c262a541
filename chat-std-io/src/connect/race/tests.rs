//! Races in virtual time, without sockets.

use super::*;
use std::collections::BTreeMap;

/// What an address does after its socket was opened.
#[derive(Clone, Copy, Debug)]
enum Host {
    /// Answers after so many milliseconds.
    Answers(u64),
    /// Refuses after so many milliseconds; 0: the system does, at once.
    Refuses(u64),
    /// The system has no route.
    NoRoute,
    /// Never answers.
    Dead,
}
use Host::{Answers, Dead, NoRoute, Refuses};

const LIMIT_MS: u64 = 13_500;
const V4: &str = "192.0.2.";
const V6: &str = "2001:db8::";

/// An address for each host, in order: IPv6 for those with `true`.
fn addresses(hosts: &[(bool, Host)]) -> Vec<SocketAddr> {
    let address = |(index, (ipv6, _)): (usize, &(bool, Host))| {
        let net = if *ipv6 { V6 } else { V4 };
        let ip = format!("{net}{}", index + 1).parse().unwrap();
        SocketAddr::new(ip, 4533)
    };
    hosts.iter().enumerate().map(address).collect()
}

/// How a race went.
#[derive(Debug)]
struct Course {
    /// When each address was opened, in this order, by the index of its host.
    opened: Vec<(u64, usize)>,
    /// When it ended, and with which host.
    ended: u64,
    result: Result<usize, LinkError>,
    most_open: usize,
}

/// Runs a race to its end. Sleeps until each deadline or answer exactly, and fails if a sleep would
/// not advance the time.
fn run(mut race: Race, hosts: &[(bool, Host)]) -> Course {
    let addresses = addresses(hosts);
    let mut now = 0;
    let (mut opened, mut most_open) = (Vec::new(), 0);
    // Answers to come, by time and index of the attempt.
    let mut answers: BTreeMap<(u64, usize), (usize, bool)> = BTreeMap::new();
    let refused = LinkError::new(LinkErrorKind::Refused, "refused");
    let no_route = LinkError::new(LinkErrorKind::Local, "no route");
    for _ in 0..10_000 {
        let at = Timestamp::from_millis(now);
        while let Some(step) = race.next_step(at) {
            match step {
                Step::Open(index, address) => {
                    let host = addresses.iter().position(|one| *one == address).unwrap();
                    opened.push((now, host));
                    match hosts[host].1 {
                        Answers(ms) => drop(answers.insert((now + ms, index), (host, true))),
                        Refuses(0) => race.failed(index, &refused, at),
                        Refuses(ms) => drop(answers.insert((now + ms, index), (host, false))),
                        NoRoute => race.failed(index, &no_route, at),
                        Dead => {}
                    }
                    most_open = most_open.max(race.open());
                }
                Step::Close(index) => answers.retain(|(_, one), _| *one != index),
                Step::Won(index) => {
                    assert_eq!(race.open(), 1, "only the winner is open");
                    let winner = race.candidates[index].address;
                    let host = addresses.iter().position(|one| *one == winner).unwrap();
                    return Course {
                        opened,
                        ended: now,
                        result: Ok(host),
                        most_open,
                    };
                }
                Step::Failed(error) => {
                    assert_eq!(race.open(), 0, "nothing is left open");
                    return Course {
                        opened,
                        ended: now,
                        result: Err(error),
                        most_open,
                    };
                }
            }
        }
        let deadline = race.deadline().map(Timestamp::as_millis);
        let answer = answers.keys().next().map(|(ms, _)| *ms);
        let next = deadline.into_iter().chain(answer).min();
        let next = next.expect("something happens, or the race would never end");
        assert!(
            next > now || answer == Some(now),
            "no busy wake-up at {now} ms"
        );
        now = next;
        while let Some(entry) = answers.first_entry()
            && entry.key().0 <= now
        {
            let ((_, index), (_, accepts)) = entry.remove_entry();
            match accepts {
                true => race.won(index),
                false => race.failed(index, &refused, Timestamp::from_millis(now)),
            }
        }
    }
    panic!("the race does not end: {race:?}");
}

fn tcp(hosts: &[(bool, Host)]) -> Course {
    let limit = Timestamp::from_millis(LIMIT_MS);
    run(Race::tcp(&addresses(hosts), Timestamp::ZERO, limit), hosts)
}

fn udp(hosts: &[(bool, Host)]) -> Course {
    run(Race::udp(&addresses(hosts), Timestamp::ZERO), hosts)
}

#[test]
fn families_alternate_and_the_resolvers_first_comes_first() {
    let order = |families: &[bool]| -> Vec<usize> {
        let hosts: Vec<_> = families.iter().map(|ipv6| (*ipv6, Dead)).collect();
        let opened = tcp(&hosts).opened;
        opened.into_iter().map(|(_, host)| host).collect()
    };
    assert_eq!(order(&[true, true, true, false, false]), [0, 3, 1, 4, 2]);
    assert_eq!(order(&[false, true, true]), [0, 1, 2]);
    assert_eq!(order(&[false, false, true]), [0, 2, 1]);
    // One family missing.
    assert_eq!(order(&[false, false, false]), [0, 1, 2]);
    assert_eq!(order(&[true, true]), [0, 1]);
}

#[test]
fn the_next_address_is_tried_after_the_delay() {
    for (race, delay) in [(tcp as fn(&[_]) -> Course, 250), (udp, 1_000)] {
        let course = race(&[(true, Dead), (false, Answers(30))]);
        assert_eq!(course.opened, [(0, 0), (delay, 1)]);
        assert_eq!((course.ended, course.result), (delay + 30, Ok(1)));
    }
}

#[test]
fn an_address_that_answers_in_time_is_the_only_one() {
    let course = tcp(&[(true, Answers(249)), (false, Answers(0))]);
    assert_eq!(course.opened, [(0, 0)]);
    assert_eq!((course.ended, course.result), (249, Ok(0)));
}

#[test]
fn a_slow_address_can_still_win() {
    let hosts = [(true, Answers(600)), (false, Answers(900)), (true, Dead)];
    let course = tcp(&hosts);
    assert_eq!(course.opened, [(0, 0), (250, 1), (500, 2)]);
    assert_eq!((course.ended, course.result), (600, Ok(0)));
}

#[test]
fn a_failure_starts_the_next_attempt_at_once() {
    let hosts = [(true, NoRoute), (false, Refuses(40)), (true, Answers(5))];
    for race in [tcp as fn(&[_]) -> Course, udp] {
        let course = race(&hosts);
        assert_eq!(course.opened, [(0, 0), (0, 1), (40, 2)]);
        assert_eq!((course.ended, &course.result), (45, &Ok(2)));
    }
}

#[test]
fn a_hint_of_failure_starts_the_next_attempt_and_keeps_the_socket() {
    let hosts = [(false, Dead), (true, Dead)];
    let mut race = Race::udp(&addresses(&hosts), Timestamp::ZERO);
    assert!(matches!(
        race.next_step(Timestamp::ZERO),
        Some(Step::Open(0, _))
    ));
    assert_eq!(race.next_step(Timestamp::ZERO), None);
    let now = Timestamp::from_millis(20);
    race.hurry(now);
    assert!(matches!(race.next_step(now), Some(Step::Open(1, _))));
    assert_eq!((race.next_step(now), race.open()), (None, 2));
    assert_eq!(race.deadline(), None, "only a report advances it now");
    race.won(0);
    assert_eq!(race.next_step(now), Some(Step::Close(1)));
    assert_eq!(race.next_step(now), Some(Step::Won(0)));
}

#[test]
fn all_dead_addresses_end_at_the_limit_and_are_listed() {
    let course = tcp(&[(true, Dead), (false, Dead), (false, Dead)]);
    assert_eq!(course.ended, LIMIT_MS);
    let error = course.result.unwrap_err();
    assert_eq!(error.kind, LinkErrorKind::Unreachable);
    for part in [
        "[2001:db8::1]:4533: no answer within 13500 ms",
        "192.0.2.2:4533: no answer within 13250 ms",
        "192.0.2.3:4533: no answer within 13000 ms",
    ] {
        assert!(error.text.contains(part), "{}", error.text);
    }
}

#[test]
fn failures_at_once_end_the_race_at_once() {
    let course = tcp(&[(true, NoRoute), (false, Refuses(0)), (false, Refuses(0))]);
    assert_eq!(course.ended, 0);
    let error = course.result.unwrap_err();
    assert_eq!(error.kind, LinkErrorKind::Refused, "the most telling kind");
    assert!(
        error.text.contains("[2001:db8::1]:4533: no route"),
        "{}",
        error.text
    );
    assert!(
        error.text.contains("192.0.2.2:4533: refused"),
        "{}",
        error.text
    );

    let error = udp(&[(true, NoRoute), (false, NoRoute)])
        .result
        .unwrap_err();
    assert_eq!(error.kind, LinkErrorKind::Local);
    assert!(error.text.contains("network"), "{}", error.text);
}

#[test]
fn a_dead_and_a_refusing_address_are_both_listed() {
    let error = tcp(&[(true, Dead), (false, Refuses(10))])
        .result
        .unwrap_err();
    assert_eq!(error.kind, LinkErrorKind::Refused);
    assert!(error.text.contains("no answer") && error.text.contains("refused"));
}

#[test]
fn many_dead_addresses_hold_few_sockets_and_do_not_hide_a_good_one() {
    let mut hosts = vec![(false, Dead); 30];
    hosts.push((false, Answers(20)));
    let course = tcp(&hosts);
    assert_eq!(course.result, Ok(30));
    assert_eq!(course.ended, 30 * 250 + 20);
    assert!(course.most_open <= MAX_OPEN, "{}", course.most_open);
}

#[test]
fn the_number_of_attempts_and_the_error_are_bounded() {
    let course = tcp(&vec![(false, Refuses(0)); 200]);
    assert_eq!(course.opened.len(), MAX_ADDRESSES);
    let text = course.result.unwrap_err().text;
    assert!(text.len() < MAX_ERROR_BYTES + 200, "{} bytes", text.len());

    // More than fit before the limit.
    let course = tcp(&vec![(false, Dead); 64]);
    assert_eq!(course.ended, LIMIT_MS);
    let text = course.result.unwrap_err().text;
    assert!(text.contains("10 more not tried within 13500 ms"), "{text}");
}

#[test]
fn an_address_that_is_listed_twice_is_tried_once() {
    let address = addresses(&[(false, Dead)])[0];
    let mut race = Race::udp(&[address; 3], Timestamp::ZERO);
    assert_eq!(
        race.next_step(Timestamp::ZERO),
        Some(Step::Open(0, address))
    );
    assert_eq!(race.next_step(Timestamp::from_millis(60_000)), None);
}
