//! The client of the model, and the events of a server that somebody wrote by hand.

use super::{Case, Key, Seen, World};
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use core::time::Duration;
use photon_proto::Timestamp;

impl World {
    /// A client to which only what the script says arrives.
    fn of_script() -> Self {
        Self::new(Case::USUAL, 1)
    }

    /// An event with these messages of a life.
    fn receive(&mut self, life: i32, ids: RangeInclusive<i32>) -> Vec<Seen> {
        let keys: Vec<Key> = ids.map(|id| (life, id)).collect();
        self.arrive(&keys);
        self.queue.clear();
        core::mem::take(&mut self.seen)
    }

    /// Loses the connection, logs in again, and asks for the channel.
    fn come_back(&mut self) {
        self.lose();
        let (continuity, mut around) = self.around();
        continuity.on_asked(&mut around, false);
    }

    /// Lets the time pass, with the deadlines in it.
    fn wait(&mut self, ms: u64) -> Vec<Seen> {
        self.run_until(self.now + ms);
        self.queue.clear();
        core::mem::take(&mut self.seen)
    }

    /// Lets the time pass without any call: the program sleeps.
    fn sleep(&mut self, ms: u64) {
        let before = Timestamp::from_millis(self.now);
        self.now += ms;
        let slept = Duration::from_millis(ms);
        let earliest = Timestamp::from_millis(self.now + 2_000);
        self.questions.put_off(slept, earliest);
        self.continuity.put_off(before, slept, earliest);
    }
}

const NEW_LIFE: Seen = Seen::Gap {
    missing: None,
    new_life: true,
};

fn messages(life: i32, ids: RangeInclusive<i32>) -> impl Iterator<Item = Seen> {
    ids.map(move |id| Seen::Message((life, id)))
}

fn aside(life: i32, ids: RangeInclusive<i32>) -> Vec<Seen> {
    ids.map(|id| Seen::Aside((life, id))).collect()
}

/// A client that came back into life 2 of the channel, of which the server has no message below
/// `first`.
fn in_a_life_without_its_beginning(first: i32, last: i32) -> World {
    let mut world = World::of_script();
    assert!(world.receive(1, 1..=last).len() > 3);
    world.come_back();
    assert_eq!(world.receive(2, first..=last), [NEW_LIFE]);
    // The server has no answer to the next question.
    let seen = world.wait(2_000);
    assert_eq!(seen, messages(2, first..=last).collect::<Vec<_>>());
    world
}

#[test]
fn s04_messages_of_another_life_that_a_server_sends_together_fill_no_hole_of_the_last_one() {
    for last in 3..=5 {
        let mut world = in_a_life_without_its_beginning(2, 6);
        world.wait(10_000);
        let seen = world.receive(3, 1..=last);
        let expected = [NEW_LIFE].into_iter().chain(messages(3, 1..=last));
        assert_eq!(seen, expected.collect::<Vec<_>>(), "1 to {last}");
    }
}

#[test]
fn s02_a_part_of_a_history_that_lies_in_a_hole_is_no_sign_of_another_life() {
    for parts in [
        &[1..=2, 3..=4][..],
        &[1..=1, 2..=2, 3..=4],
        &[2..=2, 1..=1, 3..=5],
    ] {
        let mut world = in_a_life_without_its_beginning(3, 4);
        world.come_back();
        let (position, unknown) = parts.split_last().expect("parts");
        for part in unknown {
            assert_eq!(world.receive(2, part.clone()), [], "{part:?}");
        }
        let seen = world.receive(2, position.clone());
        assert_eq!(seen, messages(2, 5..=*position.end()).collect::<Vec<_>>());
        // The client asks again for what it had to drop, and now knows where it belongs.
        assert_eq!(world.receive(2, 1..=2), aside(2, 1..=2));
        assert_eq!(world.receive(2, 3..=4), []);
        assert_eq!(world.wait(10_000), []);
    }
}

#[test]
fn s04_another_life_that_has_only_ids_of_a_hole_is_found_by_the_next_question() {
    let mut world = in_a_life_without_its_beginning(3, 4);
    world.come_back();
    assert_eq!(world.receive(3, 1..=2), []);
    assert_eq!(world.wait(2_000), []);
    // The answer to a question for everything.
    let seen = world.receive(3, 1..=2);
    let expected: Vec<Seen> = [NEW_LIFE].into_iter().chain(messages(3, 1..=2)).collect();
    assert_eq!(seen, expected);
}

#[test]
fn s16_what_was_held_before_a_sleep_is_handed_out_before_the_life_that_began_in_it() {
    let mut world = World::of_script();
    world.receive(1, 1..=3);
    world.come_back();
    assert_eq!(world.receive(1, 17..=20), []);
    world.sleep(6_000);
    let seen = world.receive(2, 1..=5);
    let hole = Seen::Gap {
        missing: Some(13),
        new_life: false,
    };
    let old = [hole].into_iter().chain(messages(1, 17..=20));
    let new = [NEW_LIFE].into_iter().chain(messages(2, 1..=5));
    assert_eq!(seen, old.chain(new).collect::<Vec<_>>());
    assert_eq!(world.wait(10_000), []);
}
