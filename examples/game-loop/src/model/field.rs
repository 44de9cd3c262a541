//! The field: its edges and obstacles, and the places of the star.

use serde::{Deserialize, Serialize};

/// Width and height of the field. One unit is one pixel of the window.
pub const FIELD: (f32, f32) = (740.0, 580.0);
/// The speed of a player, in units per second.
pub const WALK_SPEED: f32 = 170.0;
/// The radius of a player.
pub const PLAYER_RADIUS: f32 = 17.0;
/// The radius of the star.
pub const STAR_RADIUS: f32 = 14.0;
/// The distance that stars keep from the edges, where names and bubbles need the space.
const STAR_MARGIN: f32 = 70.0;

/// A point on the field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// From the left edge.
    pub x: f32,
    /// From the top edge.
    pub y: f32,
}

/// A position as it travels: content of our own type in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// From the left edge, in units.
    pub x: i16,
    /// From the top edge, in units.
    pub y: i16,
}

/// A kind of obstacle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A tree.
    Tree,
    /// A pond.
    Pond,
}

/// Something round that nobody can walk through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Obstacle {
    /// Its kind.
    pub kind: Kind,
    /// Its centre.
    pub at: Position,
    /// Its radius.
    pub radius: f32,
}

const fn obstacle(kind: Kind, x: f32, y: f32, radius: f32) -> Obstacle {
    Obstacle {
        kind,
        at: Position { x, y },
        radius,
    }
}

/// The obstacles, from the back to the front.
pub const OBSTACLES: [Obstacle; 7] = [
    obstacle(Kind::Tree, 70.0, 112.0, 18.0),
    obstacle(Kind::Tree, 664.0, 92.0, 18.0),
    obstacle(Kind::Tree, 600.0, 124.0, 16.0),
    obstacle(Kind::Pond, 380.0, 300.0, 74.0),
    obstacle(Kind::Tree, 96.0, 470.0, 18.0),
    obstacle(Kind::Tree, 152.0, 508.0, 16.0),
    obstacle(Kind::Tree, 654.0, 520.0, 18.0),
];

impl Position {
    /// The position at these coordinates.
    #[must_use]
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// The distance to another position.
    #[must_use]
    pub fn distance(self, other: Self) -> f32 {
        (other.x - self.x).hypot(other.y - self.y)
    }

    /// The position `by` units from here towards `to`, and no further than `to`.
    #[must_use]
    pub fn towards(self, to: Self, by: f32) -> Self {
        let distance = self.distance(to);
        if distance <= by {
            return to;
        }
        Self {
            x: self.x + (to.x - self.x) * by / distance,
            y: self.y + (to.y - self.y) * by / distance,
        }
    }

    /// The direction to another position, of length 1; zero at the position itself.
    #[must_use]
    pub fn direction(self, to: Self) -> (f32, f32) {
        let distance = self.distance(to);
        if distance < 0.5 {
            return (0.0, 0.0);
        }
        ((to.x - self.x) / distance, (to.y - self.y) / distance)
    }

    /// The nearest position that is on the field and in no obstacle. Also what others send goes through it:
    /// a client may send any number.
    #[must_use]
    pub fn on_field(self) -> Self {
        let inside = |value: f32, most: f32| {
            if value.is_nan() { most / 2.0 } else { value }
                .clamp(PLAYER_RADIUS, most - PLAYER_RADIUS)
        };
        let mut position = Self::new(inside(self.x, FIELD.0), inside(self.y, FIELD.1));
        for obstacle in &OBSTACLES {
            let least = obstacle.radius + PLAYER_RADIUS;
            let distance = obstacle.at.distance(position);
            if distance < least {
                let (x, y) = match obstacle.at.direction(position) {
                    (0.0, 0.0) => (0.0, 1.0),
                    direction => direction,
                };
                position = Self::new(obstacle.at.x + x * least, obstacle.at.y + y * least);
            }
        }
        position
    }
}

impl From<Step> for Position {
    fn from(step: Step) -> Self {
        Self::new(step.x.into(), step.y.into()).on_field()
    }
}

impl From<Position> for Step {
    fn from(position: Position) -> Self {
        // On the field, so it fits.
        #[allow(clippy::cast_possible_truncation)]
        Self {
            x: position.x.round() as i16,
            y: position.y.round() as i16,
        }
    }
}

/// The position after walking in this direction for a time. Diagonals are not faster, and a player who
/// walks against an obstacle slides along it.
#[must_use]
pub fn walk(from: Position, direction: (f32, f32), seconds: f32) -> Position {
    let length = direction.0.hypot(direction.1);
    if length == 0.0 {
        return from;
    }
    let by = WALK_SPEED * seconds / length.max(1.0);
    Position::new(from.x + direction.0 * by, from.y + direction.1 * by).on_field()
}

/// The position of the star with this number. Every client computes the same, so that the number is all
/// that travels.
#[must_use]
pub fn star(number: u32) -> Position {
    let mixed = u64::from(number)
        .wrapping_add(0x9e37_79b9)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let part = |shift: u32, most: f32| {
        let share = f32::from((mixed >> shift) as u16) / f32::from(u16::MAX);
        STAR_MARGIN + share * (most - 2.0 * STAR_MARGIN)
    };
    Position::new(part(16, FIELD.0), part(40, FIELD.1)).on_field()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_player_walks_at_one_speed_in_every_direction() {
        let from = Position::new(200.0, 200.0);
        for direction in [(1.0, 0.0), (1.0, 1.0), (-1.0, 1.0), (0.0, -1.0)] {
            let to = walk(from, direction, 0.1);
            assert!(
                (from.distance(to) - 17.0).abs() < 0.01,
                "{direction:?}: {to:?}"
            );
        }
        assert_eq!(walk(from, (0.0, 0.0), 1.0), from);
    }

    #[test]
    fn nobody_leaves_the_field_or_walks_through_obstacles() {
        for direction in [
            (1.0, 0.2),
            (-1.0, 0.3),
            (0.1, 1.0),
            (0.2, -1.0),
            (-1.0, -1.0),
        ] {
            let mut position = Position::new(200.0, 300.0);
            for _ in 0..600 {
                position = walk(position, direction, 1.0 / 60.0);
                assert!((0.0..=FIELD.0).contains(&position.x));
                assert!((0.0..=FIELD.1).contains(&position.y));
                for obstacle in &OBSTACLES {
                    assert!(obstacle.at.distance(position) >= obstacle.radius);
                }
            }
        }
    }

    #[test]
    fn steps_of_others_end_on_the_field_whatever_they_send() {
        for (x, y) in [(i16::MIN, i16::MAX), (380, 300), (0, 0), (9000, -4)] {
            let position = Position::from(Step { x, y });
            assert_eq!(
                Position::from(Step::from(position)).on_field(),
                Step::from(position).into()
            );
            assert!((0.0..=FIELD.0).contains(&position.x) && (0.0..=FIELD.1).contains(&position.y));
        }
        let lost = Position::new(f32::NAN, f32::INFINITY).on_field();
        assert!(lost.x.is_finite() && lost.y.is_finite());
    }

    #[test]
    fn stars_are_within_reach_and_move() {
        for number in 0..500 {
            let at = star(number);
            assert!(at.distance(at.on_field()) < 0.01, "star {number}");
            assert_ne!(at, star(number + 1));
        }
    }
}
