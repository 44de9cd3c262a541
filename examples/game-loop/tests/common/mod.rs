//! Two players without a window, and the server between them.
#![allow(dead_code, reason = "each test uses a part")]

use std::time::{Duration, Instant};

use dev_server::Transport;
use game_loop::model::{Game, Input, Key, Phase};
use game_loop::{Chat, Host};

/// A test that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(60);
/// The time of a frame of both players.
const FRAME: Duration = Duration::from_millis(16);

pub(crate) struct Player {
    pub(crate) game: Game,
    pub(crate) chat: Chat,
    /// Held until it is changed.
    pub(crate) input: Input,
}

pub(crate) struct Pair {
    pub(crate) host: Host,
    /// Over UDP, which the host disturbs.
    pub(crate) mia: Player,
    /// Over TCP.
    pub(crate) bob: Player,
    start: Instant,
}

/// Two players who see each other.
pub(crate) fn pair() -> Pair {
    let host = Host::start().unwrap();
    let mia = Player::new("mia", &host.url(Transport::Udp));
    let bob = Player::new("bob", &host.url(Transport::Tcp));
    let mut pair = Pair {
        host,
        mia,
        bob,
        start: Instant::now(),
    };
    pair.until("both are in the meadow", |pair| {
        [&pair.mia.game, &pair.bob.game]
            .iter()
            .all(|game| game.link.phase == Phase::Connected && game.others.len() == 1)
    });
    pair
}

impl Pair {
    /// Plays until this is true.
    pub(crate) fn until(&mut self, what: &str, is_true: impl Fn(&Self) -> bool) {
        while !is_true(self) {
            let now = self.start.elapsed();
            assert!(
                now < LIMIT,
                "not within {LIMIT:?}: {what}\nmia: {:#?}\nbob: {:#?}",
                (
                    &self.mia.game.link,
                    &self.mia.game.tabs,
                    &self.mia.game.others
                ),
                (&self.bob.game.link, &self.bob.game.tabs)
            );
            for player in [&mut self.mia, &mut self.bob] {
                player.frame(now);
            }
            // The rest of the frame: data for the one ends it early, and the other is next.
            self.mia.chat.wait(FRAME);
        }
    }
}

impl Player {
    pub(crate) fn new(name: &str, server: &str) -> Self {
        Self {
            game: Game::new(name),
            chat: Chat::connect(server, name).unwrap(),
            input: Input::default(),
        }
    }

    pub(crate) fn frame(&mut self, now: Duration) {
        self.intents(now);
        self.chat.frame(&mut self.game);
    }

    /// The frame without the chat's part.
    pub(crate) fn intents(&mut self, now: Duration) {
        let intents = self.game.frame(now, &self.input);
        self.input.keys.clear();
        for intent in intents {
            self.chat.perform(&intent, &mut self.game);
        }
    }

    pub(crate) fn press(&mut self, key: Key) {
        self.input.keys.push(key);
    }

    pub(crate) fn write(&mut self, text: &str) {
        self.press(Key::Enter);
        for character in text.chars() {
            self.press(Key::Character(character));
        }
        self.press(Key::Enter);
    }
}
