//! The player of `--frames`: walks, writes, and disturbs the line, at fixed times.

use game_loop::model::{Game, Input, Key, Position, star};

/// What the tour writes and presses, by the second. Each is done in the first frame after its time.
const ACTS: [(f32, Act); 12] = [
    (1.5, Act::Write("Hello Ada! Race you to the star.")),
    (4.0, Act::Press(Key::Loss)),
    (5.0, Act::Press(Key::Tab)),
    (5.1, Act::Write("How many points do you have?")),
    (5.3, Act::Press(Key::Tab)),
    (7.4, Act::Press(Key::Loss)),
    (7.5, Act::Press(Key::Cut)),
    (9.0, Act::Write("Is anybody there?")),
    (15.0, Act::Press(Key::Cut)),
    (18.5, Act::Press(Key::Delay)),
    (18.6, Act::Write("I was cut off. What did I miss?")),
    (24.0, Act::Press(Key::Delay)),
];
/// When the tour begins to walk, so that the first picture shows where it came from.
const WALK_AT: f32 = 2.0;

#[derive(Clone, Copy)]
enum Act {
    Press(Key),
    Write(&'static str),
}

/// The player of `--frames`.
#[derive(Default)]
pub(crate) struct Tour {
    /// How many acts are done.
    done: usize,
}

impl Tour {
    /// The input of this frame.
    pub(crate) fn input(&mut self, game: &Game) -> Input {
        let now = game.now.as_secs_f32();
        let mut input = Input::default();
        while let Some((at, act)) = ACTS.get(self.done)
            && *at <= now
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
        if now > WALK_AT {
            input.direction = direction(game.me.position, star(game.star));
        }
        input
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
