//! [`Player`]: one player on the field.

use std::collections::VecDeque;
use std::time::Duration;

use super::field::{Position, Step, WALK_SPEED};
use super::text;

/// The distance between two footprints.
const FOOTPRINT_DISTANCE: f32 = 20.0;
/// The time that footprints last.
const FOOTPRINT_TIME: Duration = Duration::from_millis(2500);
/// The same for those of a way that we missed: long enough to look at them.
const MISSED_TIME: Duration = Duration::from_secs(12);
/// A player further behind its last step walks faster. Two steps: the usual jitter.
const USUAL_LAG: f32 = WALK_SPEED * 0.2;
/// A player so many steps behind was out of sight, and its way is worth showing.
const MISSED_STEPS: usize = 8;
/// A path is never longer: a server keeps 100 messages of a channel.
const MAX_PATH: usize = 200;

/// Someone on the field.
#[derive(Clone, Debug)]
pub struct Player {
    /// The user id.
    pub id: String,
    /// The user id as a label: short, and without characters that would spoil the picture.
    pub name: String,
    /// A number for the colour, the same in every window.
    pub colour: usize,
    /// The place where the player is drawn.
    pub position: Position,
    /// Whether the player looks to the left.
    pub looks_left: bool,
    /// The way that the player has walked, for the swing of its steps.
    pub walked: f32,
    /// Whether the player walked in this frame.
    pub walks: bool,
    /// The last text.
    pub bubble: Option<Bubble>,
    /// The marks of the last way.
    pub footprints: VecDeque<Footprint>,
    /// Steps that are received and not yet walked.
    path: VecDeque<Position>,
    /// Whether the path is a way that we missed.
    missed: bool,
    last_footprint: Position,
}

/// A text above a player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bubble {
    /// The text.
    pub text: String,
    /// The time at which it appeared.
    pub since: Duration,
    /// The time at which it disappears.
    pub until: Duration,
}

/// A mark on the ground.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Footprint {
    /// The place.
    pub at: Position,
    /// The time at which it was left.
    pub since: Duration,
    /// The time at which it disappears.
    pub until: Duration,
    /// Whether it belongs to a way that we missed.
    pub missed: bool,
}

impl Player {
    pub(super) fn new(user: &str, position: Position) -> Self {
        // FNV-1a: the same colour for a name everywhere.
        let hash = user.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        Self {
            id: user.to_owned(),
            name: text::name_of(user),
            colour: hash as usize,
            position,
            looks_left: false,
            walked: 0.0,
            walks: false,
            bubble: None,
            footprints: VecDeque::new(),
            path: VecDeque::new(),
            missed: false,
            last_footprint: position,
        }
    }

    /// Shows a text, longer if it is longer.
    pub(super) fn says(&mut self, text: &str, now: Duration) {
        let time = Duration::from_millis(2600 + 70 * text.chars().count().min(120) as u64);
        self.bubble = Some(Bubble {
            text: text.to_owned(),
            since: now,
            until: now + time,
        });
    }

    /// Queues a received step. [`walk_path`](Self::walk_path) goes there.
    pub(super) fn receives(&mut self, step: Step) {
        self.path.push_back(step.into());
        if self.path.len() > MAX_PATH {
            self.path.pop_front();
        }
        if self.path.len() >= MISSED_STEPS {
            self.missed = true;
        }
    }

    /// Moves to a position in one frame.
    pub(super) fn moves_to(&mut self, position: Position, now: Duration) {
        let way = self.position.distance(position);
        self.walks = way > 0.01;
        if self.walks {
            if (position.x - self.position.x).abs() > 0.2 {
                self.looks_left = position.x < self.position.x;
            }
            self.walked += way;
        }
        // Also the smallest way: the end of a path is reached exactly.
        self.position = position;
        if self.last_footprint.distance(position) >= FOOTPRINT_DISTANCE {
            self.last_footprint = position;
            let time = if self.missed {
                MISSED_TIME
            } else {
                FOOTPRINT_TIME
            };
            self.footprints.push_back(Footprint {
                at: position,
                since: now,
                until: now + time,
                missed: self.missed,
            });
        }
    }

    /// Walks along the received steps: in the usual case at the usual speed, behind a long outage fast,
    /// so that the whole way is seen and nobody jumps.
    pub(super) fn walk_path(&mut self, seconds: f32, now: Duration) {
        let mut from = self.position;
        let mut rest = 0.0;
        for step in &self.path {
            rest += from.distance(*step);
            from = *step;
        }
        // A lag of two steps is made up for within a second, one of a whole outage within two.
        let mut way =
            WALK_SPEED * seconds * (1.0 + 2.0 * (rest / USUAL_LAG - 1.0).max(0.0) / 3.0).min(12.0);
        self.walks = false;
        let mut walks = false;
        while way > 0.0
            && let Some(next) = self.path.front().copied()
        {
            // No longer than a footprint, so that none is left out at high speed.
            let part = way.min(FOOTPRINT_DISTANCE);
            let before = self.position;
            self.moves_to(before.towards(next, part), now);
            walks |= self.walks;
            let done = before.distance(self.position);
            if self.position == next {
                self.path.pop_front();
            }
            way -= done.max(0.01);
        }
        self.walks = walks;
        if self.path.is_empty() {
            self.missed = false;
        }
    }

    /// Removes what is over.
    pub(super) fn expire(&mut self, now: Duration) {
        self.bubble.take_if(|bubble| bubble.until <= now);
        self.footprints.retain(|footprint| footprint.until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_micros(16_667);

    fn walk(player: &mut Player, from: Duration, frames: u32) -> Duration {
        let mut now = from;
        for _ in 0..frames {
            now += FRAME;
            player.walk_path(FRAME.as_secs_f32(), now);
            player.expire(now);
        }
        now
    }

    #[test]
    fn a_remote_player_walks_smoothly_between_its_steps() {
        let mut player = Player::new("ada", Position::new(100.0, 200.0));
        let mut now = Duration::ZERO;
        let mut longest: f32 = 0.0;
        for step in 1..=20 {
            player.receives(Step {
                x: 100 + 17 * step,
                y: 200,
            });
            for _ in 0..6 {
                let before = player.position;
                now = walk(&mut player, now, 1);
                longest = longest.max(before.distance(player.position));
            }
        }
        walk(&mut player, now, 30);
        assert_eq!(player.position, Position::new(440.0, 200.0));
        assert!(longest < 5.0, "a jump of {longest}");
        assert!(player.footprints.iter().all(|print| !print.missed));
    }

    #[test]
    fn the_way_during_an_outage_is_walked_fast_and_stays_visible() {
        let mut player = Player::new("ada", Position::new(100.0, 200.0));
        for step in 1..=60 {
            player.receives(Step {
                x: 100 + 5 * (step % 30),
                y: 200 + step,
            });
        }
        let now = walk(&mut player, Duration::ZERO, 200);
        assert_eq!(player.position, Position::new(100.0, 260.0));
        let missed = player
            .footprints
            .iter()
            .filter(|print| print.missed)
            .count();
        assert!(missed > 20, "{missed} footprints");
        walk(&mut player, now, 60 * 13);
        assert!(player.footprints.is_empty(), "they fade");
    }

    #[test]
    fn a_bubble_lasts_longer_for_a_longer_text_and_then_disappears() {
        let mut player = Player::new("ada", Position::new(100.0, 100.0));
        player.says("hi", Duration::ZERO);
        let short = player.bubble.clone().map(|bubble| bubble.until);
        player.says(&"long ".repeat(12), Duration::ZERO);
        assert!(player.bubble.clone().map(|bubble| bubble.until) > short);
        player.expire(Duration::from_secs(60));
        assert_eq!(player.bubble, None);
    }

    #[test]
    fn a_flood_of_steps_is_bounded() {
        let mut player = Player::new("ada", Position::new(100.0, 100.0));
        for step in 0..30_000 {
            player.receives(Step {
                x: step % 700,
                y: 40,
            });
        }
        assert_eq!(player.path.len(), MAX_PATH);
    }
}
