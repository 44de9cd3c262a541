//! The player of `--frames`: walks, writes, and disturbs the line, at fixed times.

use game_loop::model::{Game, Input, Key, Position, star};

/// The texts and keys of the tour, in order. Each is done in the first frame after its time.
const ACTS: [(After, Act); 13] = [
    (
        After::Start(1.2),
        Act::Write("Hello Ada! Race you to the star."),
    ),
    (After::Start(3.0), Act::Press(Key::Loss)),
    (After::Start(3.2), Act::Press(Key::Tab)),
    (
        After::Start(3.3),
        Act::Write("How many points do you have?"),
    ),
    (After::Start(3.6), Act::Press(Key::Tab)),
    (After::Start(5.8), Act::Press(Key::Loss)),
    (After::Start(5.9), Act::Press(Key::Cut)),
    (After::Start(7.0), Act::Write("Is anybody there?")),
    (After::Start(12.5), Act::Press(Key::Cut)),
    (After::Return(0.5), Act::Press(Key::Delay)),
    (
        After::Return(0.6),
        Act::Write("I was cut off. What did I miss?"),
    ),
    (After::Return(5.0), Act::Press(Key::Delay)),
    (After::Return(5.5), Act::Press(Key::Stop)),
];
/// The second in which the tour begins to walk.
const WALK_AT: f32 = 2.0;
/// The seconds that the tour stands still after a return.
const READ_TIME: f32 = 5.0;

/// A time in seconds.
#[derive(Clone, Copy)]
enum After {
    /// After the first frame.
    Start(f32),
    /// After the first return of the connection.
    Return(f32),
}

#[derive(Clone, Copy)]
enum Act {
    Press(Key),
    Write(&'static str),
}

/// The player of `--frames`.
#[derive(Default)]
pub(crate) struct Tour {
    /// The number of acts that are done.
    done: usize,
    /// The second in which the connection came back.
    returned: Option<f32>,
}

impl Tour {
    /// The input of this frame.
    pub(crate) fn input(&mut self, game: &Game) -> Input {
        let now = game.now.as_secs_f32();
        if game.link.returns > 0 {
            self.returned.get_or_insert(now);
        }
        let mut input = Input::default();
        while let Some((after, act)) = ACTS.get(self.done)
            && self.is_due(*after, now)
        {
            self.done += 1;
            match act {
                Act::Press(key) => input.keys.push(*key),
                Act::Write(text) => {
                    input.keys.push(Key::Enter);
                    input.keys.extend(text.chars().map(Key::Character));
                    input.keys.push(Key::Enter);
                }
            }
        }
        // Who is back reads what was missed, and walks on then.
        let is_reading = self.returned.is_some() && !self.is_due(After::Return(READ_TIME), now);
        if now > WALK_AT && !is_reading {
            input.direction = direction(game.me.position, star(game.star));
        }
        input
    }

    fn is_due(&self, after: After, now: f32) -> bool {
        match after {
            After::Start(at) => now >= at,
            After::Return(at) => self.returned.is_some_and(|returned| now >= returned + at),
        }
    }
}

/// The way to a star, around the pond in the middle of the field.
fn direction(here: Position, star: Position) -> (f32, f32) {
    let is_behind = (here.y < 300.0) != (star.y < 300.0);
    let side = if here.x < 380.0 { 270.0 } else { 490.0 };
    if is_behind && (here.x - 380.0).abs() < 100.0 {
        return here.direction(Position::new(side, here.y));
    }
    here.direction(star)
}
