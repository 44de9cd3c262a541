//! [`Chat`]: everything that a game writes to have a chat.

use std::error::Error;
use std::time::{Duration, Instant};

use chat_std_io::chat_core::to_value;
use chat_std_io::{
    ChatConfig, CloseOutcome, ConnectOptions, Event, Messages, Origin, Outcome, PrivateOptions,
    PropertyOptions, PublishOptions, Restore, Session, State, SubscribeOptions, Value,
};

use crate::model::{EntryKind, Game, Intent, Step, Target};
use crate::{MEADOW, STEPS};

/// The app id for the embedded server, which accepts all.
const APP_ID: &str = "game-loop";
/// The time without an answer after which a connection counts as lost. The default, 10 s, is long for a
/// game: a player who sees the others stand still wants to know why.
const SILENCE: Duration = Duration::from_secs(4);
/// The time between pings, so that some fit into that time.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// The most bytes of texts that wait while there is no connection.
const QUEUE_BYTES: usize = 16 * 1024;
/// The number of earlier texts that a player sees on entering.
const HISTORY: i32 = 10;
/// The property with the number of the star, and the prefix of those with the points of a player.
const STAR: &str = "star";
const POINTS: &str = "points:";

/// The chat of one player.
pub struct Chat {
    session: Session,
}

impl Chat {
    /// Begins to connect to a name server, for example `udp://127.0.0.1:5058`. It goes on in
    /// [`Chat::frame`], now and after every loss of the connection.
    ///
    /// # Errors
    /// The server's address or the name cannot be used.
    pub fn connect(server: &str, user: &str) -> Result<Self, Box<dyn Error>> {
        let config = ChatConfig::new(server, APP_ID, "1.0")
            .user_id(user)
            .udp(|udp| udp.disconnect_timeout = SILENCE)
            .silence_timeout(SILENCE)
            .ping_interval(PING_INTERVAL)
            .confirm_messages(true)
            .restore(Restore::new().queue_cap_bytes(QUEUE_BYTES));
        let mut session = Session::new(config)?;
        session
            .chat
            .connect_to_name_server(ConnectOptions::new().region("eu"))?;
        // With restore the client subscribes after the login, and again after each later one.
        let meadow = SubscribeOptions::new()
            .history(HISTORY)
            .publish_subscribers(true)
            .max_subscribers(100)
            .or_plain();
        session.chat.subscribe([MEADOW], &meadow)?;
        // No history: old steps are of no use to who enters. Who comes back gets those that were missed.
        session.chat.subscribe([STEPS], &SubscribeOptions::new())?;
        Ok(Self { session })
    }

    /// Does the chat's part of a frame: one `service` call, which never blocks, and the events.
    /// Returns the time that the call took.
    pub fn frame(&mut self, game: &mut Game) -> Duration {
        let begin = Instant::now();
        // Work that is left is done in the next frame: the library bounds each call, whatever arrives.
        let _more = self.session.service();
        let service = begin.elapsed();
        while let Some(event) = self.session.poll_event() {
            self.on_event(&event, game);
        }
        let stats = self.session.chat.stats();
        game.link.round_trip = stats.round_trip;
        game.link.resent = stats.udp.map_or(0, |udp| udp.resent_commands);
        service
    }

    /// Waits for something to do, for a player without a window.
    pub fn wait(&mut self, timeout: Duration) {
        self.session.wait(timeout);
    }

    /// Does what the game asks for. A refused request is shown, and the game goes on.
    pub fn perform(&mut self, intent: &Intent, game: &mut Game) {
        let chat = &mut self.session.chat;
        match intent {
            Intent::Step(step) => {
                // Without a connection a step would wait in the queue, behind which texts wait, too.
                if chat.state() == State::ConnectedToFrontEnd
                    && let Ok(step) = to_value(step)
                {
                    // A full queue is a bad line: the next step is as good as this one.
                    let _ = chat.publish_message(STEPS, &step, &PublishOptions::new());
                }
            }
            Intent::Say { target, text } => {
                let sent = match target {
                    Target::Meadow => {
                        chat.publish_message(MEADOW, text.as_str(), &PublishOptions::new())
                    }
                    Target::Private(user) => {
                        chat.send_private_message(user, text.as_str(), &PrivateOptions::new())
                    }
                };
                match sent {
                    Ok(token) => game.on_sent(target, text, token.number()),
                    Err(error) => game.problem(&format!("not sent: {error}")),
                }
            }
            Intent::TakeStar { number, points } => {
                // One call with an expected value, so that the server decides: of two players who ask, it
                // changes the star and the points for one, and nothing for the other.
                let next = [
                    (Value::from(STAR), number_value(number.wrapping_add(1))),
                    (
                        Value::from(format!("{POINTS}{}", game.me.id)),
                        number_value(*points),
                    ),
                ];
                // The first star of a channel has no property yet.
                let expected = if *number == 0 {
                    Value::Null
                } else {
                    number_value(*number)
                };
                let only_if = PropertyOptions::new().expected([(Value::from(STAR), expected)]);
                // The game asks again if there is no answer.
                let _ = chat.set_channel_properties(STEPS, &next, &only_if);
            }
            // Those are for the program.
            Intent::Disturb(_) | Intent::Quit => {}
        }
    }

    /// Leaves, once everything is sent, or after this time.
    pub fn close(mut self, timeout: Duration) -> CloseOutcome {
        self.session.chat.disconnect();
        self.session.close(timeout)
    }

    fn on_event(&self, event: &Event, game: &mut Game) {
        match event {
            Event::SubscribeResult(results) => {
                for result in results {
                    match &result.outcome {
                        Outcome::Done if result.channel == MEADOW => self.enter(game),
                        Outcome::Done => self.read_properties(game),
                        // The client comes back from this one by itself.
                        Outcome::ConnectionLost => {}
                        outcome => game.problem(&format!("{}: {outcome}", result.channel)),
                    }
                }
            }
            // A restored channel has no result of its own: nobody asked for it this time.
            Event::Restored { .. } => {
                self.enter(game);
                self.read_properties(game);
            }
            Event::ChatMessages { channel, messages } if channel == STEPS => {
                read_steps(messages, game);
            }
            Event::ChatMessages { messages, .. } => {
                // Messages that the server sends again are live for nobody; on the first visit they are
                // simply what was written before.
                let missed = messages.origin() != Origin::Live && game.was_away();
                for message in messages.iter() {
                    let text = message.content.to_string();
                    game.on_text(&Target::Meadow, message.sender, &text, missed);
                }
            }
            Event::PrivateMessage { channel, message } => {
                let target = Target::Private(channel.to_string());
                let text = message.content().to_string();
                game.on_text(&target, message.sender(), &text, false);
            }
            Event::UserSubscribed(change) => game.on_entered(&change.user),
            Event::UserUnsubscribed(change) => game.on_left(&change.user),
            Event::PropertiesChanged(change) if change.channel == STEPS => {
                for (key, value) in &change.properties {
                    read_property(key, value, game);
                }
            }
            Event::MessageSent { token, .. } => game.on_settled(token.number(), EntryKind::Said),
            Event::MessageRefused { token, .. } => {
                game.on_settled(token.number(), EntryKind::Refused);
            }
            Event::MessageUnconfirmed { token } => {
                game.on_settled(token.number(), EntryKind::Unconfirmed);
            }
            Event::Gap {
                channel,
                missing: Some(missing),
                ..
            } if channel == STEPS => {
                game.notice(&format!("{missing} steps of others are lost"));
            }
            Event::Gap { channel, .. } if channel == MEADOW => {
                game.notice("some texts are lost: the server has them no more");
            }
            Event::Error { message, .. } => game.on_lost(message),
            Event::ReconnectScheduled { after, .. } => game.on_attempt(*after),
            Event::ReconnectGaveUp { cause } => game.on_ended(&cause.to_string()),
            _ => {}
        }
    }

    /// We are in the meadow: who else is?
    fn enter(&self, game: &mut Game) {
        game.on_connected();
        if let Some(channel) = self.session.chat.channel(MEADOW) {
            for user in channel.subscribers() {
                game.on_entered(user);
            }
        }
    }

    fn read_properties(&self, game: &mut Game) {
        if let Some(channel) = self.session.chat.channel(STEPS) {
            for (key, value) in channel.properties() {
                read_property(key, value, game);
            }
        }
    }
}

/// Numbers of stars and points are small; a 32-bit number is what every SDK can read.
fn number_value(number: u32) -> Value {
    Value::Int(i32::try_from(number).unwrap_or(i32::MAX))
}

fn read_property(key: &Value, value: &Value, game: &mut Game) {
    let number = value.as_i32().and_then(|number| u32::try_from(number).ok());
    match (key.as_str(), number) {
        (Some(STAR), Some(number)) => game.on_star(number),
        (Some(key), Some(number)) => {
            if let Some(user) = key.strip_prefix(POINTS) {
                game.on_points(user, number);
            }
        }
        _ => {}
    }
}

fn read_steps(messages: &Messages, game: &mut Game) {
    for message in messages.iter() {
        // Other programs may write other things into the channel.
        if let Ok(step) = message.content.to::<Step>() {
            game.on_step(message.sender, step);
        }
    }
}
