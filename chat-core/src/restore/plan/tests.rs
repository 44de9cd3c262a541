use super::{AfterLoss, Finished, Plan, Request, Subscription};
use crate::event::Outcome;
use crate::options::SubscribeOptions;
use crate::restore::wanted::{Wanted, WantedMessage};
use crate::status::UserStatus;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use photon_proto::{HashKeys, Random, Text, Timestamp};

/// A plan, its wanted state, and the requests that it sent.
struct World {
    plan: Plan,
    wanted: Wanted,
    now: Timestamp,
    connection: u32,
    sent: Vec<Request>,
}

impl World {
    fn new(at_a_time: usize, channels: usize) -> Self {
        let mut wanted = Wanted::new(HashKeys::new(&mut Random::new([6; 32])));
        for number in 0..channels {
            wanted.want(&format!("c{number}"), &SubscribeOptions::new(), 0);
        }
        let mut world = Self {
            plan: Plan::new(at_a_time, 2_000, true),
            wanted,
            now: Timestamp::from_millis(1_000),
            connection: 0,
            sent: Vec::new(),
        };
        // As if every channel had been subscribed before.
        for place in 0..channels {
            world.wanted.channels.at_mut(place).unwrap().is_new = false;
        }
        world
    }

    fn log_in(&mut self) {
        self.connection += 1;
        self.sent.clear();
        self.plan.begin(self.connection, &mut self.wanted);
        self.send();
    }

    fn send(&mut self) {
        while let Some(request) = self.plan.next(&mut self.wanted, |_| false) {
            self.plan.on_sent(self.now, &request, &mut self.wanted);
            self.sent.push(request);
        }
    }

    /// The channels of the subscribe requests sent so far.
    fn asked(&self) -> Vec<Vec<String>> {
        self.sent
            .iter()
            .filter_map(|request| match request {
                Request::Subscribe(subscription) => Some(
                    subscription
                        .names
                        .iter()
                        .map(|name| name.to_string())
                        .collect(),
                ),
                _ => None,
            })
            .collect()
    }

    fn last(&self) -> &Subscription {
        match self.sent.last() {
            Some(Request::Subscribe(subscription)) => subscription,
            other => panic!("{other:?}"),
        }
    }

    fn outcome(&mut self, name: &str, outcome: Outcome) -> bool {
        let name = Text::from(name);
        let waited = self
            .plan
            .on_outcome(self.now, &name, outcome, &mut self.wanted);
        self.send();
        waited
    }

    /// Accepts every open channel until the plan has finished.
    fn accept_all(&mut self) -> Finished {
        for _ in 0..100_000 {
            if let Some(finished) = self.plan.finish(&self.wanted) {
                return finished;
            }
            let open: Vec<_> = self
                .wanted
                .channels
                .from(0)
                .filter(|(_, _, channel)| channel.asked_on == self.connection && channel.counted)
                .map(|(_, name, _)| name.to_string())
                .collect();
            assert!(!open.is_empty(), "the plan is stuck: {:?}", self.plan);
            for name in open {
                assert!(self.outcome(&name, Outcome::Done));
            }
        }
        panic!("no end");
    }

    fn lose(&mut self) -> AfterLoss {
        self.plan.on_connection_lost(self.now, true)
    }
}

#[test]
fn channels_are_asked_for_in_batches_then_friends_then_the_status_and_once() {
    let mut world = World::new(2, 5);
    world.wanted.add_friend("bob");
    world.wanted.add_friend("carol");
    world.wanted.remove_friend("carol");
    world
        .wanted
        .set_status(UserStatus::AWAY, WantedMessage::Clear);
    world.log_in();
    assert_eq!(world.asked(), [["c0", "c1"]]);
    assert!(world.outcome("c1", Outcome::Done));
    assert_eq!(world.asked().len(), 1);
    assert!(world.outcome("c0", Outcome::Refused));
    assert_eq!(world.asked(), [["c0", "c1"], ["c2", "c3"]]);
    let finished = world.accept_all();
    assert_eq!(finished.channels, 4);
    let failed: Vec<_> = finished.failed.iter().map(|one| &*one.channel).collect();
    assert_eq!(failed, ["c0"]);
    assert_eq!(
        world.sent[3..],
        [
            Request::RemoveFriends(vec!["carol".into()]),
            Request::AddFriends(vec!["bob".into()]),
            Request::Status
        ]
    );
    world.send();
    assert_eq!(world.sent.len(), 6);
    assert!(world.plan.finish(&world.wanted).is_none());
    // The next connection does it again, but the removal is repeated once only.
    world.now = world.now.plus_millis(60_000);
    assert_eq!(world.lose(), AfterLoss::TryAgain);
    world.log_in();
    world.accept_all();
    assert_eq!(world.sent.len(), 5);
}

#[test]
fn with_nothing_wanted_there_is_nothing_to_report() {
    let mut world = World::new(32, 0);
    world.log_in();
    assert!(world.sent.is_empty());
    assert_eq!(world.plan.finish(&world.wanted), None);
    assert!(!world.plan.is_running());
}

#[test]
fn channels_to_leave_come_first() {
    let mut world = World::new(32, 2);
    world.wanted.leave("c0", 0);
    world.log_in();
    assert_eq!(world.sent[0], Request::Unsubscribe(vec![Text::from("c0")]));
    assert_eq!(world.asked(), [["c1"]]);
    // Without its event 6, it is repeated on the next connection.
    world.lose();
    world.log_in();
    assert_eq!(world.sent[0], Request::Unsubscribe(vec![Text::from("c0")]));
}

#[test]
fn new_channels_keep_their_own_options_and_special_ones_are_alone() {
    let mut world = World::new(32, 2);
    let history = SubscribeOptions::new().history(10);
    for name in ["n0", "n1"] {
        world.wanted.want(name, &history, 0);
    }
    let published = SubscribeOptions::new().publish_subscribers(true);
    world.wanted.want("published", &published, 0);
    world.wanted.want("last", &SubscribeOptions::new(), 0);
    world.log_in();
    let expected: [&[&str]; 4] = [&["c0", "c1"], &["n0", "n1"], &["published"], &["last"]];
    assert_eq!(world.asked(), expected);
    assert_eq!(world.accept_all().channels, 6);
    assert!(!world.wanted.channels.get("n0").unwrap().is_new);
}

#[test]
fn an_outcome_that_does_not_come_times_out() {
    let mut world = World::new(2, 3);
    world.log_in();
    world.outcome("c0", Outcome::Done);
    let deadline = world.plan.deadline().unwrap();
    assert_eq!(deadline, world.now.plus_millis(15_000));
    world.now = deadline;
    let open = world.plan.time_out(world.now, &mut world.wanted);
    assert_eq!(open, [Text::from("c1")]);
    world.send();
    let finished = world.accept_all();
    assert_eq!((finished.channels, finished.failed.len()), (2, 1));
    assert_eq!(finished.failed[0].outcome, Outcome::TimedOut);
    assert_eq!(world.plan.deadline(), None);
    // A late event 5 is not the plan's any more.
    assert!(!world.outcome("c1", Outcome::Done));
}

#[test]
fn a_loss_during_restore_halves_the_channels_at_a_time_down_to_one() {
    let mut world = World::new(32, 100);
    let mut sizes = Vec::new();
    for _ in 0..6 {
        world.log_in();
        sizes.push(world.last().names.len());
        assert_eq!(world.lose(), AfterLoss::AskLess);
    }
    assert_eq!(sizes, [32, 16, 8, 4, 2, 1]);
    // A restore that succeeds starts over with the configured number.
    world.log_in();
    world.accept_all();
    world.now = world.now.plus_millis(2_000);
    world.lose();
    world.log_in();
    assert_eq!(world.last().names.len(), 32);
}

#[test]
fn a_channel_alone_is_asked_for_with_ever_less_history_and_then_the_client_gives_up() {
    for event_5_arrives in [false, true] {
        let mut world = World::new(32, 1);
        let mut histories = Vec::new();
        for attempt in 1..=5 {
            world.log_in();
            histories.push(world.last().max_history);
            if event_5_arrives {
                assert_eq!(world.accept_all().channels, 1);
            }
            let expected = if attempt == 5 {
                AfterLoss::GiveUp
            } else {
                AfterLoss::AskLess
            };
            assert_eq!(world.lose(), expected, "attempt {attempt}");
        }
        assert_eq!(histories, [100, 50, 25, 12, 0]);
    }
}

#[test]
fn connections_that_end_before_anything_is_asked_lead_to_giving_up() {
    let mut world = World::new(32, 1);
    for attempt in 1..=5 {
        world.connection += 1;
        world.plan.begin(world.connection, &mut world.wanted);
        let gives_up = world.lose() == AfterLoss::GiveUp;
        assert_eq!(gives_up, attempt == 5, "attempt {attempt}");
    }
}

/// Any one channel of a hundred has a history that ends the connection: the client gets through, and
/// only that channel and its neighbour lose history.
#[test]
fn one_bad_history_among_many_channels_is_found() {
    for bad in 0..100 {
        for before_event_5 in [false, true] {
            let mut world = World::new(32, 100);
            let bad = format!("c{bad}");
            let mut attempts = 0;
            let finished = 'outage: loop {
                attempts += 1;
                assert!(attempts <= 20, "{bad}");
                world.log_in();
                let mut answered = 0;
                // The history of a batch arrives before or after its event 5.
                loop {
                    let requests: Vec<_> = world.sent[answered..].to_vec();
                    answered = world.sent.len();
                    if requests.is_empty() {
                        break 'outage world.plan.finish(&world.wanted).unwrap();
                    }
                    for request in requests {
                        let Request::Subscribe(subscription) = request else {
                            continue;
                        };
                        let ends = subscription.max_history > 30
                            && subscription.names.iter().any(|name| *name == *bad);
                        if ends && before_event_5 {
                            assert_eq!(world.lose(), AfterLoss::AskLess, "{bad}");
                            continue 'outage;
                        }
                        for name in &subscription.names {
                            world.outcome(name, Outcome::Done);
                        }
                        if ends {
                            assert_eq!(world.lose(), AfterLoss::AskLess, "{bad}");
                            continue 'outage;
                        }
                    }
                }
            };
            assert_eq!(finished.channels, 100);
        }
    }
}

#[test]
fn a_channel_that_the_application_asks_for_itself_is_not_asked_for_again() {
    let mut world = World::new(1, 4);
    world.log_in();
    // c1 was asked for by the application and is open, c2 has its outcome, c3 was refused.
    for name in ["c1", "c2", "c3"] {
        let channel = world.wanted.channels.get_mut(name).unwrap();
        channel.asked_on = world.connection;
        channel.progress = crate::restore::wanted::Progress::Open;
    }
    for (name, outcome) in [("c2", Outcome::Done), ("c3", Outcome::Refused)] {
        let waited = world
            .plan
            .on_outcome(world.now, &name.into(), outcome, &mut world.wanted);
        assert!(!waited);
    }
    assert!(world.outcome("c0", Outcome::Done));
    assert_eq!(world.asked(), [["c0"]]);
    assert_eq!(world.plan.finish(&world.wanted), None);
    assert!(world.outcome("c1", Outcome::Done));
    let finished = world.plan.finish(&world.wanted).unwrap();
    assert_eq!((finished.channels, finished.failed), (3, vec![]));
}

#[test]
fn a_channel_that_is_not_wanted_any_more_is_not_waited_for() {
    let mut world = World::new(32, 2);
    world.log_in();
    world.plan.on_unwanted(world.now, "c0", &world.wanted);
    world.wanted.leave("c0", 1);
    assert!(!world.outcome("c0", Outcome::Done));
    assert!(world.outcome("c1", Outcome::Done));
    assert_eq!(world.plan.finish(&world.wanted).unwrap().channels, 1);
}

#[test]
fn a_refused_creation_option_is_left_out_in_a_second_request() {
    let mut world = World::new(32, 0);
    let options = SubscribeOptions::new().max_subscribers(9).or_plain();
    world.wanted.want("a", &options, 0);
    world.log_in();
    world.plan.retry_plain(&"a".into(), &mut world.wanted);
    world.send();
    assert_eq!(world.asked(), [["a"], ["a"]]);
    assert!(world.wanted.channels.get("a").unwrap().is_plain);
    assert_eq!(world.plan.finish(&world.wanted), None);
    assert!(world.outcome("a", Outcome::Done));
    assert_eq!(world.plan.finish(&world.wanted).unwrap().channels, 1);
    // Later, for a request of the application: no second end.
    world.plan.retry_plain(&"a".into(), &mut world.wanted);
    world.send();
    assert_eq!(world.asked().len(), 3);
    assert_eq!(world.plan.finish(&world.wanted), None);
    assert!(!world.plan.is_running());
}

#[test]
fn a_request_that_is_too_long_is_split() {
    let mut world = World::new(32, 8);
    world.connection = 1;
    world.plan.begin(1, &mut world.wanted);
    while let Some(request) = world.plan.next(&mut world.wanted, |_| false) {
        let Request::Subscribe(subscription) = &request else {
            panic!("{request:?}")
        };
        // c5 alone is too long.
        if subscription.names.len() > 2 || subscription.names.iter().any(|name| **name == *"c5") {
            world
                .plan
                .on_too_long(world.now, &request, &mut world.wanted);
        } else {
            world.plan.on_sent(world.now, &request, &mut world.wanted);
            world.sent.push(request);
        }
    }
    let expected: [&[&str]; 5] = [&["c0", "c1"], &["c2", "c3"], &["c4"], &["c6"], &["c7"]];
    assert_eq!(world.asked(), expected);
    let finished = world.accept_all();
    assert_eq!((finished.channels, finished.failed.len()), (7, 1));
}

#[test]
fn ten_thousand_channels_take_a_linear_number_of_steps() {
    let mut world = World::new(32, 10_000);
    world.log_in();
    let mut requests = 0;
    let mut place = 0;
    while world.plan.finish(&world.wanted).is_none() {
        requests += 1;
        let names: Vec<_> = world.last().names.clone();
        assert_eq!(world.wanted.channels.place(&names[0]), Some(place));
        place += names.len();
        for name in names {
            world.outcome(&name, Outcome::Done);
        }
    }
    assert_eq!(requests, 313);
}

#[test]
fn an_end_with_a_local_reason_changes_nothing() {
    let mut world = World::new(32, 64);
    for _ in 0..20 {
        world.log_in();
        assert_eq!(world.last().names.len(), 32);
        let after = world.plan.on_connection_lost(world.now, false);
        assert_eq!(after, AfterLoss::TryAgain);
    }
}
