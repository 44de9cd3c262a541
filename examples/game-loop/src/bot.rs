//! The second player: a bot that plays the same game through the same functions, without a window.

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use crate::Chat;
use crate::model::{Game, Input, Intent, Phase, Position, Target, star, walk};

/// The name of the bot.
pub const NAME: &str = "Ada";
/// The time between two frames of the bot, which has nothing to draw.
const FRAME: Duration = Duration::from_millis(40);
/// The share of the usual speed: who plays against it should win.
const SPEED: f32 = 0.55;
/// The time for which the bot looks at a star before it goes there.
const LOOK_TIME: Duration = Duration::from_millis(1500);
/// The time for which the bot thinks about an answer.
const THINK_TIME: Duration = Duration::from_millis(900);

/// The least time between two comments on stars: one on each would bury what others write.
const COMMENT_TIME: Duration = Duration::from_secs(12);

/// Starts the bot, in a thread that lives as long as the program.
///
/// # Errors
/// As [`Chat::connect`].
pub fn start(server: &str) -> Result<(), Box<dyn Error>> {
    let mut chat = Chat::connect(server, NAME)?;
    thread::spawn(move || {
        let (mut game, mut brain) = (Game::new(NAME), Brain::default());
        let start = Instant::now();
        loop {
            chat.frame(&mut game);
            for intent in brain.frame(start.elapsed(), &mut game) {
                chat.perform(&intent, &mut game);
            }
            // `wait` returns early when data arrives, and each return costs one call: the game advances in
            // even frames.
            let due = game.now + FRAME;
            while let Some(rest) = due.checked_sub(start.elapsed())
                && !rest.is_zero()
            {
                chat.wait(rest);
            }
        }
    });
    Ok(())
}

/// The thoughts of the bot.
#[derive(Debug, Default)]
struct Brain {
    /// The star that the bot goes to, and the time at which it saw it.
    seen: Option<(u32, Duration)>,
    /// The place to go to first, because something is in the way.
    detour: Option<Position>,
    /// The number of players that it has greeted.
    greeted: usize,
    /// Its points, to notice a new one.
    points: u32,
    /// The time of its last comment on them.
    commented: Option<Duration>,
    /// The text to write next, with its time.
    answer: Option<(Target, String, Duration)>,
}

impl Brain {
    fn frame(&mut self, now: Duration, game: &mut Game) -> Vec<Intent> {
        let input = Input {
            direction: self.direction(now, game),
            ..Input::default()
        };
        let mut intents = game.frame(now, &input);
        if let Some((target, sender, text)) = game.received.take() {
            let answer = answer(&sender, &text, game);
            self.answer = Some((target, answer, now + THINK_TIME));
        } else if game.others.len() > self.greeted && self.answer.is_none() {
            let name = &game.others[self.greeted].name;
            let greeting = format!("Hi {name}! Catch the stars before I do.");
            self.answer = Some((Target::Meadow, greeting, now + THINK_TIME));
            self.greeted += 1;
        }
        self.greeted = self.greeted.min(game.others.len());
        let points = game.points.get(NAME).copied().unwrap_or(0);
        let is_quiet = self.commented.is_none_or(|at| now > at + COMMENT_TIME);
        if points > self.points && self.answer.is_none() && is_quiet {
            self.commented = Some(now);
            self.answer = Some((Target::Meadow, comment(points), now));
        }
        self.points = points;
        if game.link.phase == Phase::Connected
            && let Some((target, text, _)) = self.answer.take_if(|(_, _, at)| *at <= now)
        {
            intents.push(Intent::Say { target, text });
        }
        intents
    }

    /// Goes to the star, after having looked at it. Alone, the bot leaves the stars where they are.
    fn direction(&mut self, now: Duration, game: &Game) -> (f32, f32) {
        if game.others.is_empty() {
            return (0.0, 0.0);
        }
        let since = match self.seen {
            Some((number, since)) if number == game.star => since,
            _ => {
                self.seen = Some((game.star, now));
                self.detour = None;
                now
            }
        };
        let here = game.me.position;
        if now < since + LOOK_TIME {
            return (0.0, 0.0);
        }
        self.detour.take_if(|detour| here.distance(*detour) < 10.0);
        let to = self.detour.unwrap_or_else(|| star(game.star));
        let (x, y) = here.direction(to);
        // It would stand before the middle of the pond for ever: sideways then.
        if here.distance(walk(here, (x, y), 0.05)) < 2.0 && here.distance(to) > 20.0 {
            self.detour = Some(Position::new(here.x - y * 120.0, here.y + x * 120.0).on_field());
        }
        (x * SPEED, y * SPEED)
    }
}

/// The comment on a star that the bot has taken.
fn comment(points: u32) -> String {
    match points % 3 {
        1 => format!("Mine! That makes {points}."),
        2 => format!("And another one: {points} for me."),
        _ => format!("You let me have that one? {points}!"),
    }
}

/// The answer to a text.
fn answer(sender: &str, text: &str, game: &Game) -> String {
    let text = text.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    let points = game.points.get(NAME).copied().unwrap_or(0);
    if has(&["hello", "hi ", "hey"]) || text == "hi" {
        format!("Nice to see you, {sender}.")
    } else if has(&["star", "point", "score"]) {
        format!("I have {points} so far. And I am slow!")
    } else if has(&["lost", "cut", "line", "lag", "away", "back"]) {
        "I saw you stand still. My footprints show where I went.".to_owned()
    } else if text.ends_with('?') {
        "Good question. Ask me again after the next star.".to_owned()
    } else {
        "Over here it is quiet. Watch the pond!".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays for so many seconds without a connection that loses anything.
    fn play(brain: &mut Brain, game: &mut Game, seconds: u32) -> Vec<Intent> {
        let mut intents = Vec::new();
        for _ in 0..seconds * 25 {
            let now = game.now + FRAME;
            let new = brain.frame(now, game);
            for intent in &new {
                if let Intent::TakeStar { number, points } = intent {
                    game.on_star(number + 1);
                    game.on_points(NAME, *points);
                }
            }
            intents.extend(new);
        }
        intents
    }

    fn game() -> Game {
        let mut game = Game::new(NAME);
        game.on_connected();
        game
    }

    #[test]
    fn the_bot_reaches_every_star_around_every_obstacle() {
        let (mut brain, mut game) = (Brain::default(), game());
        game.on_entered("Mia");
        for star in 0..40 {
            let before = game.star;
            play(&mut brain, &mut game, 20);
            assert!(
                game.star > before,
                "stuck at {:?} before star {star}",
                game.me.position
            );
        }
    }

    #[test]
    fn the_bot_greets_who_comes_and_answers() {
        let (mut brain, mut game) = (Brain::default(), game());
        assert_eq!(
            play(&mut brain, &mut game, 5).len(),
            1,
            "its first step alone"
        );
        game.on_entered("Mia");
        game.on_text(&Target::Private("Mia".into()), "Mia", "hello", false);
        let said: Vec<_> = play(&mut brain, &mut game, 5)
            .into_iter()
            .filter_map(|intent| match intent {
                Intent::Say { target, text } => Some((target, text)),
                _ => None,
            })
            .collect();
        let private = (
            Target::Private("Mia".into()),
            "Nice to see you, Mia.".to_owned(),
        );
        assert_eq!(said[0], private);
        assert!(said[1].1.starts_with("Hi Mia!"), "{said:?}");
        assert_eq!(said.len(), 2);
    }
}
