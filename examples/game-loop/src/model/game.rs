//! [`Game`]: what a frame and an event do.

use std::collections::BTreeMap;
use std::time::Duration;

use super::field::{self, PLAYER_RADIUS, Position, STAR_RADIUS, Step};
use super::frames::Frames;
use super::input::{Input, Intent, Key};
use super::link::{Link, Phase};
use super::player::Player;
use super::tabs::{Entry, Kind, Tabs, Target};
use super::text;
use super::troubles::Troubles;

/// The time between two steps that are sent: ten a second. The player is drawn in between, so that more
/// would not be seen.
const STEP_TIME: Duration = Duration::from_millis(100);
/// The time after which the star is asked for again: the request or its answer may be lost with the
/// connection.
const CLAIM_TIME: Duration = Duration::from_secs(2);
/// The longest time that one frame advances the game. A window that stood still must not throw players
/// across the field.
const MAX_FRAME: Duration = Duration::from_millis(100);
/// The longest text.
const MAX_TYPED: usize = 120;
/// The most other players that are shown. Any client may send steps.
const MAX_PLAYERS: usize = 32;
/// The place of players who have not moved yet.
const START: Position = Position::new(210.0, 250.0);

/// The whole game.
#[derive(Clone, Debug)]
pub struct Game {
    /// The time of the last frame.
    pub now: Duration,
    /// Our player.
    pub me: Player,
    /// The others, in the order of their appearance.
    pub others: Vec<Player>,
    /// The conversations.
    pub tabs: Tabs,
    /// The text that is being written.
    pub typed: Option<String>,
    /// The switches that disturb the line.
    pub troubles: Troubles,
    /// The times of the last frames.
    pub frames: Frames,
    /// The connection.
    pub link: Link,
    /// The number of the star.
    pub star: u32,
    /// The points of each player.
    pub points: BTreeMap<String, u32>,
    /// The place where the others see us: our last step that the server has sent back.
    pub echo: Option<Position>,
    /// The text of another player that was received last, for a bot to answer.
    pub received: Option<(Target, String, String)>,
    /// The step that was sent last, and when.
    sent: Option<(Step, Duration)>,
    /// The star that we asked for, and when.
    claimed: Option<(u32, Duration)>,
}

impl Game {
    /// A game of this player, alone on the field.
    #[must_use]
    pub fn new(me: &str) -> Self {
        Self {
            now: Duration::ZERO,
            me: Player::new(me, START),
            others: Vec::new(),
            tabs: Tabs::default(),
            typed: None,
            troubles: Troubles::default(),
            frames: Frames::default(),
            link: Link::default(),
            star: 0,
            points: BTreeMap::new(),
            echo: None,
            received: None,
            sent: None,
            claimed: None,
        }
    }

    /// Advances the game to `now`, and returns what has to be done about it.
    pub fn frame(&mut self, now: Duration, input: &Input) -> Vec<Intent> {
        debug_assert!(now >= self.now, "time does not go back");
        let passed = now.saturating_sub(self.now).min(MAX_FRAME).as_secs_f32();
        self.now = now;
        let mut intents = Vec::new();
        for key in &input.keys {
            self.press(*key, &mut intents);
        }
        // Who writes does not walk: the keys are letters now.
        let direction = if self.typed.is_some() {
            (0.0, 0.0)
        } else {
            input.direction
        };
        let position = field::walk(self.me.position, direction, passed);
        self.me.moves_to(position, now);
        self.me.expire(now);
        for player in &mut self.others {
            player.walk_path(passed, now);
            player.expire(now);
        }
        self.send_step(&mut intents);
        self.take_star(&mut intents);
        intents
    }

    fn press(&mut self, key: Key, intents: &mut Vec<Intent>) {
        match (key, &mut self.typed) {
            (Key::Enter, None) => self.typed = Some(String::new()),
            (Key::Enter, Some(_)) => {
                let text = text::clean(&self.typed.take().unwrap_or_default());
                if !text.is_empty() {
                    let target = self.tabs.current().target.clone();
                    intents.push(Intent::Say { target, text });
                }
            }
            (Key::Escape, None) => intents.push(Intent::Quit),
            (Key::Escape, Some(_)) => self.typed = None,
            (Key::Backspace, Some(typed)) => drop(typed.pop()),
            (Key::Character(character), Some(typed)) => {
                if !character.is_control() && typed.chars().count() < MAX_TYPED {
                    typed.push(character);
                }
            }
            (Key::Character(_) | Key::Backspace, None) => {}
            (Key::Tab, _) => self.tabs.next(),
            (Key::Loss | Key::Delay | Key::Cut | Key::Stop, _) => {
                let troubles = &mut self.troubles;
                match key {
                    Key::Loss => troubles.loss = !troubles.loss,
                    Key::Delay => troubles.delay = !troubles.delay,
                    Key::Cut => troubles.cut = !troubles.cut,
                    _ => troubles.stopped = !troubles.stopped,
                }
                intents.push(Intent::Disturb(self.troubles));
            }
        }
    }

    /// Sends the position if it has changed. Without a connection none is sent, and none waits: where we
    /// were is of no use once we are back.
    fn send_step(&mut self, intents: &mut Vec<Intent>) {
        let step = Step::from(self.me.position);
        let is_due = self
            .sent
            .is_none_or(|(sent, at)| sent != step && self.now >= at + STEP_TIME);
        if self.link.phase == Phase::Connected && is_due {
            self.sent = Some((step, self.now));
            intents.push(Intent::Step(step));
        }
    }

    fn take_star(&mut self, intents: &mut Vec<Intent>) {
        let is_waiting = self
            .claimed
            .is_some_and(|(number, at)| number == self.star && self.now < at + CLAIM_TIME);
        // The model does not count the point itself: only the server knows who was first.
        let distance = self.me.position.distance(field::star(self.star));
        if self.link.phase == Phase::Connected
            && !is_waiting
            && distance < PLAYER_RADIUS + STAR_RADIUS
        {
            self.claimed = Some((self.star, self.now));
            let points = self.points.get(&self.me.id).copied().unwrap_or(0);
            intents.push(Intent::TakeStar {
                number: self.star,
                points: points.saturating_add(1),
            });
        }
    }

    /// The other player with this id, new if need be; `None` if there are too many.
    fn other(&mut self, user: &str) -> Option<&mut Player> {
        let index = match self.others.iter().position(|player| player.id == user) {
            Some(index) => index,
            None if self.others.len() < MAX_PLAYERS => {
                self.others.push(Player::new(user, START));
                self.others.len() - 1
            }
            None => return None,
        };
        self.others.get_mut(index)
    }

    fn is_new(&self, user: &str) -> bool {
        self.others.iter().all(|player| player.id != user)
    }

    /// Takes a step of a player, which walks there from now on.
    pub fn on_step(&mut self, user: &str, step: Step) {
        if user == self.me.id {
            // Our own player is where the keys moved it, not where the server has it: a game that waited
            // for the server would feel the line in every step.
            self.echo = Some(step.into());
            return;
        }
        let is_new = self.is_new(user);
        if let Some(player) = self.other(user) {
            if is_new {
                // Its way from the start to here would be an invention.
                *player = Player::new(user, step.into());
            } else {
                player.receives(step);
            }
        }
    }

    /// Shows a text of another player. `missed`: it was sent while we were cut off.
    pub fn on_text(&mut self, target: &Target, sender: &str, text: &str, missed: bool) {
        let (text, now) = (text::clean(text), self.now);
        if sender == self.me.id || text.is_empty() {
            // Our own texts are in the tab since they were sent.
            return;
        }
        let kind = if missed { Kind::Missed } else { Kind::Said };
        self.tabs
            .add(target, Entry::said(&text::name_of(sender), &text, kind));
        if *target == Target::Meadow
            && let Some(player) = self.other(sender)
        {
            player.says(&text, now);
        }
        self.received = Some((target.clone(), sender.to_owned(), text));
    }

    /// Shows our own text, which the client has accepted with this number.
    pub fn on_sent(&mut self, target: &Target, text: &str, token: u64) {
        self.tabs
            .add(target, Entry::waiting(&self.me.name, text, token));
        if *target == Target::Meadow {
            self.me.says(text, self.now);
        }
    }

    /// Settles our text with this number: said, refused or unconfirmed.
    pub fn on_settled(&mut self, token: u64, kind: Kind) {
        self.tabs.settle(token, kind);
    }

    /// Adds a player who is in the meadow.
    pub fn on_entered(&mut self, user: &str) {
        if user == self.me.id {
            return;
        }
        if self.is_new(user) && self.other(user).is_some() {
            self.notice(&format!("{} is here", text::name_of(user)));
            self.tabs.open(&Target::Private(user.to_owned()));
        }
        // Who enters has no history of steps and does not know yet where we are.
        self.sent = None;
    }

    /// Removes a player who has left the meadow.
    pub fn on_left(&mut self, user: &str) {
        if !self.is_new(user) {
            self.others.retain(|player| player.id != user);
            self.notice(&format!("{} has left", text::name_of(user)));
        }
    }

    /// Sets the number of the star, which changes when a player takes it.
    pub fn on_star(&mut self, number: u32) {
        self.star = number;
    }

    /// Sets the points of a player.
    pub fn on_points(&mut self, user: &str, points: u32) {
        if self.points.len() < MAX_PLAYERS || self.points.contains_key(user) {
            self.points.insert(user.to_owned(), points);
        }
    }

    /// Notes that we are in the meadow, for the first time or again.
    pub fn on_connected(&mut self) {
        if self.link.phase == Phase::Connected {
            return;
        }
        self.link.phase = Phase::Connected;
        self.link.next_attempt = None;
        self.link.reason.clear();
        self.sent = None;
        self.claimed = None;
        match self.link.lost_at.take() {
            Some(at) => {
                self.link.returns += 1;
                let away = self.now.saturating_sub(at).as_secs_f32();
                self.notice(&format!("back after {away:.1} s"));
            }
            None => self.notice("you are in the meadow"),
        }
    }

    /// Notes that the connection has ended, and that the client comes back by itself.
    pub fn on_lost(&mut self, reason: &str) {
        self.link.phase = Phase::Lost;
        self.link.reason = text::clean(reason);
        if self.link.lost_at.is_none() {
            self.link.lost_at = Some(self.now);
            self.problem("connection lost; the game goes on");
        }
    }

    /// Notes the time until the next attempt.
    pub fn on_attempt(&mut self, after: Duration) {
        self.link.next_attempt = Some(self.now + after);
    }

    /// Notes that the client has given up.
    pub fn on_ended(&mut self, reason: &str) {
        self.link.phase = Phase::Ended;
        self.link.reason = text::clean(reason);
        self.problem(&format!("the connection has ended: {reason}"));
    }

    /// Whether messages that arrive as history were sent while we were cut off.
    #[must_use]
    pub const fn was_away(&self) -> bool {
        self.link.returns > 0 || self.link.lost_at.is_some()
    }

    /// Reports something in the tab of the channel.
    pub fn notice(&mut self, text: &str) {
        self.tabs.add(
            &Target::Meadow,
            Entry::report(&text::clean(text), Kind::Notice),
        );
    }

    /// Reports what went wrong in the tab of the channel.
    pub fn problem(&mut self, text: &str) {
        self.tabs.add(
            &Target::Meadow,
            Entry::report(&text::clean(text), Kind::Problem),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_micros(16_667);

    /// A game of mia, connected.
    fn game() -> Game {
        let mut game = Game::new("mia");
        game.on_connected();
        game.star = 1;
        game
    }

    fn press(game: &mut Game, keys: &[Key]) -> Vec<Intent> {
        let input = Input {
            keys: keys.to_vec(),
            ..Input::default()
        };
        game.frame(game.now + FRAME, &input)
    }

    fn write(game: &mut Game, text: &str) -> Vec<Intent> {
        let mut keys = vec![Key::Enter];
        keys.extend(text.chars().map(Key::Character));
        keys.push(Key::Enter);
        press(game, &keys)
    }

    fn walk(game: &mut Game, direction: (f32, f32), frames: u32) -> Vec<Intent> {
        let input = Input {
            direction,
            ..Input::default()
        };
        (0..frames)
            .flat_map(|_| game.frame(game.now + FRAME, &input))
            .collect()
    }

    fn steps(intents: &[Intent]) -> usize {
        intents
            .iter()
            .filter(|intent| matches!(intent, Intent::Step(_)))
            .count()
    }

    #[test]
    fn a_walking_player_sends_ten_steps_a_second_and_a_standing_one_none() {
        let mut game = game();
        walk(&mut game, (0.0, 0.0), 1);
        let sent = steps(&walk(&mut game, (0.0, 1.0), 60));
        assert!((9..=10).contains(&sent), "{sent}");
        walk(&mut game, (0.0, 0.0), 10);
        assert_eq!(steps(&walk(&mut game, (0.0, 0.0), 600)), 0);
    }

    #[test]
    fn without_a_connection_the_player_walks_and_sends_nothing() {
        let mut game = game();
        game.on_lost("timeout");
        let before = game.me.position;
        assert_eq!(walk(&mut game, (0.0, 1.0), 30), []);
        assert!(game.me.position.distance(before) > 50.0);
        game.on_connected();
        assert_eq!(
            steps(&walk(&mut game, (0.0, 0.0), 30)),
            1,
            "the others learn where we are"
        );
    }

    #[test]
    fn a_newcomer_learns_where_a_standing_player_is() {
        let mut game = game();
        walk(&mut game, (0.0, 0.0), 30);
        game.on_entered("ada");
        assert_eq!(steps(&walk(&mut game, (0.0, 0.0), 30)), 1);
    }

    #[test]
    fn a_text_goes_to_the_tab_in_front() {
        let mut game = game();
        game.on_entered("ada");
        let text = |target, text: &str| {
            [Intent::Say {
                target,
                text: text.into(),
            }]
        };
        walk(&mut game, (0.0, 0.0), 1);
        assert_eq!(write(&mut game, "hi all "), text(Target::Meadow, "hi all"));
        press(&mut game, &[Key::Tab]);
        assert_eq!(
            write(&mut game, "psst"),
            text(Target::Private("ada".into()), "psst")
        );
        assert_eq!(write(&mut game, "  "), [], "nothing to send");
    }

    #[test]
    fn who_writes_does_not_walk_and_escape_ends_only_the_text() {
        let mut game = game();
        press(
            &mut game,
            &[
                Key::Enter,
                Key::Character('w'),
                Key::Character('x'),
                Key::Backspace,
            ],
        );
        assert_eq!(game.typed.as_deref(), Some("w"));
        let before = game.me.position;
        walk(&mut game, (1.0, 0.0), 10);
        assert_eq!(game.me.position, before);
        assert_eq!(press(&mut game, &[Key::Escape]), []);
        assert_eq!(game.typed, None);
        assert_eq!(press(&mut game, &[Key::Escape]), [Intent::Quit]);
    }

    #[test]
    fn a_public_text_is_a_bubble_and_a_private_one_is_not() {
        let mut game = game();
        game.on_text(&Target::Private("ada".into()), "ada", "psst", false);
        game.on_text(&Target::Meadow, "ada", "hello\u{202e}", false);
        let bubble = game.others[0]
            .bubble
            .as_ref()
            .map(|bubble| bubble.text.as_str());
        assert_eq!(bubble, Some("hello"));
        assert_eq!(
            game.tabs.iter().map(|tab| tab.unread).collect::<Vec<_>>(),
            [0, 1]
        );
    }

    #[test]
    fn our_own_text_appears_once_and_waits_for_the_server() {
        let mut game = game();
        game.on_sent(&Target::Meadow, "hi", 3);
        game.on_text(&Target::Meadow, "mia", "hi", false);
        let entries = &game.tabs.current().entries;
        let ours: Vec<_> = entries
            .iter()
            .filter(|entry| entry.sender == "mia")
            .collect();
        assert_eq!((ours.len(), ours[0].kind), (1, Kind::Waiting));
        game.on_settled(3, Kind::Said);
        assert_eq!(
            game.tabs.current().entries.back().map(|entry| entry.kind),
            Some(Kind::Said)
        );
    }

    #[test]
    fn keys_switch_the_troubles_on_and_off() {
        let mut game = game();
        walk(&mut game, (0.0, 0.0), 1);
        let mut expected = Troubles {
            loss: true,
            ..Troubles::default()
        };
        assert_eq!(press(&mut game, &[Key::Loss]), [Intent::Disturb(expected)]);
        expected.cut = true;
        assert_eq!(press(&mut game, &[Key::Cut]), [Intent::Disturb(expected)]);
        expected.loss = false;
        assert_eq!(press(&mut game, &[Key::Loss]), [Intent::Disturb(expected)]);
    }

    #[test]
    fn the_star_is_asked_for_once_and_again_after_a_while() {
        let mut game = game();
        game.me.position = field::star(1);
        let take = Intent::TakeStar {
            number: 1,
            points: 1,
        };
        let asked = |intents: Vec<Intent>| intents.iter().filter(|intent| **intent == take).count();
        assert_eq!(asked(walk(&mut game, (0.0, 0.0), 60)), 1);
        assert_eq!(
            asked(walk(&mut game, (0.0, 0.0), 120)),
            1,
            "the answer was lost"
        );
        game.on_star(2);
        game.on_points("mia", 1);
        assert_eq!(walk(&mut game, (0.0, 0.0), 60), []);
    }

    #[test]
    fn a_loss_and_the_return_are_reported_once() {
        let mut game = game();
        game.on_lost("timeout");
        game.on_attempt(Duration::from_secs(1));
        game.on_lost("no answer");
        game.now += Duration::from_secs(3);
        game.on_connected();
        let texts: Vec<_> = game
            .tabs
            .current()
            .entries
            .iter()
            .map(|entry| entry.text.as_str())
            .collect();
        let expected = [
            "you are in the meadow",
            "connection lost; the game goes on",
            "back after 3.0 s",
        ];
        assert_eq!(texts, expected);
        assert_eq!(game.link.next_attempt, None);
    }

    #[test]
    fn a_window_that_stood_still_throws_nobody_across_the_field() {
        let mut game = game();
        let before = game.me.position;
        game.frame(
            Duration::from_secs(3600),
            &Input {
                direction: (1.0, 0.0),
                ..Input::default()
            },
        );
        assert!(game.me.position.distance(before) < 20.0);
    }

    #[test]
    fn a_crowd_of_senders_is_bounded() {
        let mut game = game();
        for user in 0..1000 {
            let user = format!("user {user}");
            game.on_step(&user, Step { x: 10, y: 10 });
            game.on_points(&user, 1);
            game.on_text(&Target::Meadow, &user, "hi", false);
        }
        assert_eq!(
            (game.others.len(), game.points.len()),
            (MAX_PLAYERS, MAX_PLAYERS)
        );
    }
}
