//! [`hold`]: what alice and bob do, and the events that must follow.

use super::output::Output;
use super::user::{User, Users};
use super::{Failure, Options, Protection};
use User::{Alice, Bob};
use chat_core::{
    ChannelOutcome, ChatClient, ConnectOptions, Event, Outcome, PrivateOptions, PropertyOptions,
    PublishOptions, RequestError, State, StatusChange, StatusMessage, SubscribeOptions,
    SubscriberChange, UserStatus,
};
use chat_std_io::CloseOutcome;
use dev_server::SubProtocol;
use photon_proto::Value;
use std::time::Duration;

const CHANNEL: &str = "general";
/// The channel that publishes its subscribers.
const TABLE: &str = "table";
/// The longest wait for the last bytes to be sent.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Holds the whole conversation. Each expected event may take up to `timeout`.
pub(crate) fn hold(
    output: &mut Output,
    server: &str,
    options: &Options,
    certificate: &str,
    timeout: Duration,
) -> Result<(), Failure> {
    let mut conversation = Conversation {
        output,
        users: Users::new(server, options, certificate, timeout)?,
        protocol: options.protocol,
        protection: options.protection(),
    };
    conversation.log_in()?;
    conversation.read_history()?;
    conversation.exchange_messages()?;
    conversation.exchange_private_messages()?;
    conversation.watch_status()?;
    conversation.meet_in_a_table()?;
    conversation.lose_the_connection_and_come_back()?;
    conversation.unsubscribe_and_miss_a_message()?;
    conversation.disconnect()
}

struct Conversation<'a> {
    output: &'a mut Output,
    users: Users,
    protocol: SubProtocol,
    protection: Protection,
}

/// The scenes.
impl Conversation<'_> {
    fn log_in(&mut self) -> Result<(), Failure> {
        self.output.heading("Log in")?;
        self.output.action(
            Alice,
            "connects to the name server and requests its regions",
        )?;
        self.call(Alice, |chat| {
            chat.connect_to_name_server(ConnectOptions::new())
        })?;
        self.expect_state(Alice, State::ConnectingToNameServer)?;
        self.expect_state(Alice, State::ConnectedToNameServer)?;
        self.call(Alice, ChatClient::get_regions)?;
        let regions: Vec<String> =
            self.users
                .expect(Alice, "the list of regions", |event| match event {
                    Event::RegionsResult(Ok(regions)) => {
                        let codes = regions.iter().map(|region| region.code.to_string());
                        Some(codes.collect())
                    }
                    _ => None,
                })?;
        self.output
            .event(Alice, format_args!("regions: {}", regions.join(", ")))?;
        let Some(region) = regions.first().cloned() else {
            return Err(Failure::Unexpected(
                "alice expected a region, but the list of regions is empty".into(),
            ));
        };
        self.output
            .action(Alice, format_args!("logs in to region {region}"))?;
        self.call(Alice, |chat| {
            chat.connect_to_region_front_end(region.as_str())
        })?;
        self.expect_login(Alice)?;

        self.output.action(
            Bob,
            format_args!("connects and logs in to region {region} with one call"),
        )?;
        self.call(Bob, |chat| {
            chat.connect_to_region_front_end(region.as_str())
        })?;
        self.expect_state(Bob, State::ConnectingToNameServer)?;
        self.expect_state(Bob, State::ConnectedToNameServer)?;
        self.expect_login(Bob)
    }

    fn read_history(&mut self) -> Result<(), Failure> {
        const BEFORE_BOB: [&str; 2] = ["Is anybody here?", "Then I will wait for bob."];
        self.output.heading("A channel and its history")?;
        self.output
            .action(Alice, format_args!("subscribes to {CHANNEL}"))?;
        self.subscribe(Alice, CHANNEL, &SubscribeOptions::new())?;
        for text in BEFORE_BOB {
            self.publish(Alice, text)?;
            self.expect_messages(Alice, Alice, &[text])?;
        }
        self.output.action(
            Bob,
            format_args!("subscribes to {CHANNEL} and requests its whole history"),
        )?;
        self.subscribe(Bob, CHANNEL, &SubscribeOptions::new().history(-1))?;
        self.expect_messages(Bob, Alice, &BEFORE_BOB)
    }

    fn exchange_messages(&mut self) -> Result<(), Failure> {
        self.output.heading("Messages")?;
        for (sender, text) in [
            (Bob, "Hello alice! I have read it all."),
            (Alice, "Bob! Shall we roll dice?"),
        ] {
            self.publish(sender, text)?;
            self.expect_messages(Alice, sender, &[text])?;
            self.expect_messages(Bob, sender, &[text])?;
        }
        // Content is not limited to text: a value arrives with its type. JSON has lists, but no
        // arrays of int.
        let dice = Value::from(vec![6, 2]);
        let (received, description) = match self.protocol {
            SubProtocol::Json => (Value::from(vec![Value::Int(6), Value::Int(2)]), "a list"),
            _ => (dice.clone(), "an array of int"),
        };
        self.output
            .action(Bob, "rolls the dice and publishes an array of two int")?;
        self.call(Bob, |chat| {
            chat.publish_message(CHANNEL, &dice, &PublishOptions::new())
                .map(drop)
        })?;
        for user in User::BOTH {
            self.users.expect(user, "bob's dice", |event| match event {
                Event::ChatMessages { channel, messages }
                    if **channel == *CHANNEL && messages.len() == 1 =>
                {
                    let message = messages.get(0)?;
                    (message.sender == "bob" && message.content.to_value() == received)
                        .then_some(())
                }
                _ => None,
            })?;
            self.output.event(
                user,
                format_args!("[{CHANNEL}] bob: {description}, 6 and 2"),
            )?;
        }
        Ok(())
    }

    fn exchange_private_messages(&mut self) -> Result<(), Failure> {
        self.output.heading(match self.protection {
            Protection::KeyExchange | Protection::Tls => {
                "Private messages, encrypted on their way to the server"
            }
            Protection::None => "Private messages, in clear: JSON over ws has no encryption",
        })?;
        for (from, to, text) in [
            (Alice, Bob, "Between us: were those dice loaded?"),
            (Bob, Alice, "I have no idea what you mean."),
        ] {
            let encrypt = self.protection != Protection::None;
            self.send_private(from, to, text, &PrivateOptions::new().encrypt(encrypt))?;
            self.expect_private_message(to, from, from, text)?;
            // The server also sends it to the sender, so that the sender's other clients know it.
            self.expect_private_message(from, to, from, text)?;
        }
        Ok(())
    }

    fn watch_status(&mut self) -> Result<(), Failure> {
        const TEXT: &str = "ready to play";
        self.output.heading("Friends and their status")?;
        self.output.action(Alice, "adds bob to her friends")?;
        self.call(Alice, |chat| chat.add_friends(["bob"]))?;
        // Offline, because bob has not set a status yet.
        let kept = StatusChange::Kept;
        self.expect_status(UserStatus::OFFLINE, &kept, "without a message")?;

        self.output.action(
            Bob,
            format_args!("sets his status to Online with the message: {TEXT}"),
        )?;
        self.call(Bob, |chat| {
            chat.set_user_status(UserStatus::ONLINE, StatusMessage::Set(TEXT))
        })?;
        let set = StatusChange::Set(Box::new(TEXT.into()));
        self.expect_status(
            UserStatus::ONLINE,
            &set,
            format_args!("with the message: {TEXT}"),
        )?;

        self.output
            .action(Bob, "sets his status to Away and keeps the message")?;
        self.call(Bob, |chat| {
            chat.set_user_status(UserStatus::AWAY, StatusMessage::Keep)
        })?;
        self.expect_status(UserStatus::AWAY, &kept, "with the same message")?;

        self.output
            .action(Bob, "sets his status to Playing and clears the message")?;
        self.call(Bob, |chat| {
            chat.set_user_status(UserStatus::PLAYING, StatusMessage::Clear)
        })?;
        self.expect_status(
            UserStatus::PLAYING,
            &StatusChange::Cleared,
            "without a message",
        )
    }

    fn meet_in_a_table(&mut self) -> Result<(), Failure> {
        self.output
            .heading("A channel that publishes its subscribers and has properties")?;
        self.output.action(
            Alice,
            format_args!("subscribes to {TABLE}, which publishes its subscribers, at most two"),
        )?;
        let options = SubscribeOptions::new()
            .publish_subscribers(true)
            .max_subscribers(2);
        self.subscribe(Alice, TABLE, &options)?;
        self.expect_subscribers(Alice, &["alice"])?;
        self.output
            .action(Bob, format_args!("subscribes to {TABLE}"))?;
        self.subscribe(Bob, TABLE, &SubscribeOptions::new())?;
        self.expect_subscribers(Bob, &["alice", "bob"])?;
        let expected = format!("bob to subscribe to {TABLE}");
        self.users.expect(Alice, &expected, |event| match event {
            Event::UserSubscribed(change) => is_bob_at_the_table(change),
            _ => None,
        })?;
        self.expect_subscribers(Alice, &["alice", "bob"])?;

        self.set_stake()?;

        self.output
            .action(Bob, format_args!("unsubscribes from {TABLE}"))?;
        self.unsubscribe(Bob, TABLE)?;
        let expected = format!("bob to unsubscribe from {TABLE}");
        self.users.expect(Alice, &expected, |event| match event {
            Event::UserUnsubscribed(change) => is_bob_at_the_table(change),
            _ => None,
        })?;
        self.expect_subscribers(Alice, &["alice"])
    }

    fn set_stake(&mut self) -> Result<(), Failure> {
        let (key, stake) = (Value::from("stake"), Value::Int(3));
        self.output.action(
            Alice,
            format_args!("sets the property stake of {TABLE} to 3"),
        )?;
        let properties = [(key.clone(), stake.clone())];
        self.call(Alice, |chat| {
            chat.set_channel_properties(TABLE, &properties, &PropertyOptions::new())
        })?;
        for user in User::BOTH {
            let expected = format!("the property stake of {TABLE} to change");
            self.users.expect(user, &expected, |event| match event {
                Event::PropertiesChanged(change) => (*change.channel == *TABLE
                    && change.user.is_none()
                    && *change.by == *"alice"
                    && change.properties == properties)
                    .then_some(()),
                _ => None,
            })?;
            let table = self.users.session(user).chat.channel(TABLE);
            let known = table.and_then(|table| table.property(&key));
            if known != Some(&stake) {
                let name = user.name();
                return Err(Failure::Unexpected(format!(
                    "{name} expected the stake 3, but the client has {known:?}"
                )));
            }
            self.output
                .event(user, format_args!("alice set stake of {TABLE} to 3"))?;
        }
        Ok(())
    }

    fn lose_the_connection_and_come_back(&mut self) -> Result<(), Failure> {
        const MISSED: &str = "alice? Are you still there?";
        self.output.heading("The connection breaks")?;
        self.output
            .action(Alice, "loses the connection, as if the network had failed")?;
        self.users.session(Alice).simulate_connection_loss();
        self.expect_state(Alice, State::Error)?;
        let reason = self.users.expect(Alice, "an error", |event| match event {
            Event::Error { message, .. } => Some(message.to_string()),
            _ => None,
        })?;
        self.output.event(Alice, reason)?;
        let expected = "to connect again by herself";
        let attempt = self.users.expect(Alice, expected, |event| match event {
            Event::ReconnectScheduled { attempt, .. } => Some(*attempt),
            _ => None,
        })?;
        self.output.event(
            Alice,
            format_args!("will connect again by herself: attempt {attempt} follows"),
        )?;
        self.publish(Bob, MISSED)?;
        self.expect_messages(Bob, Bob, &[MISSED])?;
        self.expect_state(Alice, State::ConnectingToFrontEnd)?;
        self.expect_state(Alice, State::ConnectedToFrontEnd)?;
        self.output.event(Alice, "connected again")?;
        // What she missed comes before or after the report that all is as it was, and so does what
        // the server repeats about friends and channels.
        let (mut restored, mut delivered) = (None, 0);
        while restored.is_none() || delivered == 0 {
            let expected = "her channels and the message that she missed";
            self.users.expect(Alice, expected, |event| match event {
                Event::Restored { channels, failed } if failed.is_empty() => {
                    restored = Some(*channels);
                    Some(())
                }
                Event::ChatMessages { channel, messages } if **channel == *CHANNEL => {
                    let missed = messages.iter().all(|message| {
                        message.sender == "bob" && message.content.as_str() == Some(MISSED)
                    });
                    delivered += messages.len();
                    (missed && delivered == 1).then_some(())
                }
                Event::SubscribeResult(_)
                | Event::UserStatusUpdate { .. }
                | Event::UserSubscribed(_)
                | Event::UserUnsubscribed(_) => Some(()),
                _ => None,
            })?;
        }
        self.output
            .event(Alice, format_args!("[{CHANNEL}] bob: {MISSED}"))?;
        let channels = restored.unwrap_or_default();
        self.output
            .event(
                Alice,
                format_args!("back in {channels} channels, with every message exactly once"),
            )
            .map_err(Failure::from)
    }

    fn unsubscribe_and_miss_a_message(&mut self) -> Result<(), Failure> {
        self.output.heading("Unsubscribe")?;
        self.publish(Bob, "I have to go.")?;
        for user in User::BOTH {
            self.expect_messages(user, Bob, &["I have to go."])?;
        }
        self.output
            .action(Bob, format_args!("unsubscribes from {CHANNEL}"))?;
        self.unsubscribe(Bob, CHANNEL)?;
        self.publish(Alice, "And now I have the dice.")?;
        self.expect_messages(Alice, Alice, &["And now I have the dice."])?;
        // This is bob's next event, so the server did not send him the message before it.
        self.send_private(Alice, Bob, "Good night!", &PrivateOptions::new())?;
        self.expect_private_message(Bob, Alice, Alice, "Good night!")?;
        self.expect_private_message(Alice, Bob, Alice, "Good night!")
    }

    fn disconnect(mut self) -> Result<(), Failure> {
        self.output.heading("Disconnect")?;
        for user in User::BOTH {
            self.users.session(user).chat.disconnect();
            self.expect_state(user, State::Disconnected)?;
        }
        self.users.expect_no_event()?;
        for (user, session) in self.users.into_sessions() {
            let outcome = session.close(CLOSE_TIMEOUT);
            if outcome == CloseOutcome::Unsent {
                let name = user.name();
                return Err(Failure::Unexpected(format!(
                    "{name} expected to send everything before the end, but some bytes are left"
                )));
            }
            self.output.event(user, "disconnected")?;
        }
        Ok(())
    }
}

/// Actions and expectations that several scenes use.
impl Conversation<'_> {
    fn call(
        &mut self,
        user: User,
        call: impl FnOnce(&mut ChatClient) -> Result<(), RequestError>,
    ) -> Result<(), Failure> {
        call(&mut self.users.session(user).chat)
            .map_err(|error| Failure::Client(format!("a call of {} failed: {error}", user.name())))
    }

    fn subscribe(
        &mut self,
        user: User,
        channel: &str,
        options: &SubscribeOptions,
    ) -> Result<(), Failure> {
        self.call(user, |chat| chat.subscribe([channel], options).map(drop))?;
        let expected = format!("to be subscribed to {channel}");
        self.users.expect(user, &expected, |event| match event {
            Event::SubscribeResult(channels) => is_done(channels, channel),
            _ => None,
        })?;
        Ok(self
            .output
            .event(user, format_args!("subscribed to {channel}"))?)
    }

    fn unsubscribe(&mut self, user: User, channel: &str) -> Result<(), Failure> {
        self.call(user, |chat| chat.unsubscribe([channel]).map(drop))?;
        let expected = format!("to be unsubscribed from {channel}");
        self.users.expect(user, &expected, |event| match event {
            Event::UnsubscribeResult(channels) => is_done(channels, channel),
            _ => None,
        })?;
        Ok(self
            .output
            .event(user, format_args!("unsubscribed from {channel}"))?)
    }

    fn publish(&mut self, user: User, text: &str) -> Result<(), Failure> {
        self.output
            .action(user, format_args!("publishes in {CHANNEL}: {text}"))?;
        self.call(user, |chat| {
            chat.publish_message(CHANNEL, text, &PublishOptions::new())
                .map(drop)
        })
    }

    fn send_private(
        &mut self,
        from: User,
        to: User,
        text: &str,
        options: &PrivateOptions,
    ) -> Result<(), Failure> {
        self.output
            .action(from, format_args!("sends to {}: {text}", to.name()))?;
        self.call(from, |chat| {
            chat.send_private_message(to.name(), text, options)
                .map(drop)
        })
    }

    fn expect_state(&mut self, user: User, state: State) -> Result<(), Failure> {
        let expected = format!("state {}", state.name());
        self.users.expect(user, &expected, |event| match event {
            Event::StateChanged { to, .. } if *to == state => Some(()),
            _ => None,
        })
    }

    /// The way from the name server to the front end.
    fn expect_login(&mut self, user: User) -> Result<(), Failure> {
        let expected = "to be logged in at the name server";
        let user_id = self.users.expect(user, expected, |event| match event {
            Event::Authenticated(login) if *login.user_id == *user.name() => {
                Some(login.user_id.to_string())
            }
            _ => None,
        })?;
        self.expect_state(user, State::ConnectingToFrontEnd)?;
        self.expect_state(user, State::ConnectedToFrontEnd)?;
        Ok(self
            .output
            .event(user, format_args!("logged in as {user_id}"))?)
    }

    /// The client's list of the table's subscribers.
    fn expect_subscribers(&mut self, user: User, expected: &[&str]) -> Result<(), Failure> {
        let table = self.users.session(user).chat.channel(TABLE);
        let known: Vec<&str> = table
            .map(|table| {
                table
                    .subscribers()
                    .map(|subscriber| &**subscriber)
                    .collect()
            })
            .unwrap_or_default();
        if known != expected {
            let (name, expected) = (user.name(), expected.join(" and "));
            return Err(Failure::Unexpected(format!(
                "{name} expected the subscribers {expected} in {TABLE}, but the client has {known:?}"
            )));
        }
        let names = known.join(" and ");
        Ok(self
            .output
            .event(user, format_args!("subscribers of {TABLE}: {names}"))?)
    }

    /// A status update of bob for alice. `message` describes the status message in the output.
    fn expect_status(
        &mut self,
        status: UserStatus,
        change: &StatusChange,
        message: impl std::fmt::Display,
    ) -> Result<(), Failure> {
        let expected = format!("bob to be {}", status.name());
        self.users.expect(Alice, &expected, |event| match event {
            Event::UserStatusUpdate {
                user,
                status: found,
                message,
            } => (**user == *"bob" && *found == status && message == change).then_some(()),
            _ => None,
        })?;
        Ok(self
            .output
            .event(Alice, format_args!("bob is {}, {message}", status.name()))?)
    }

    /// Exactly these messages in this order, in one event or in several.
    fn expect_messages(&mut self, user: User, sender: User, texts: &[&str]) -> Result<(), Failure> {
        let mut missing = texts;
        while let Some(next) = missing.first() {
            let expected = format!("\"{next}\" from {} in {CHANNEL}", sender.name());
            let count = self.users.expect(user, &expected, |event| match event {
                Event::ChatMessages { channel, messages }
                    if **channel == *CHANNEL && !messages.is_empty() =>
                {
                    let expected = missing.get(..messages.len())?;
                    let equal = messages.iter().zip(expected).all(|(message, text)| {
                        message.sender == sender.name() && message.content.as_str() == Some(text)
                    });
                    equal.then_some(messages.len())
                }
                _ => None,
            })?;
            debug_assert!((1..=missing.len()).contains(&count), "as accepted above");
            let (received, rest) = missing.split_at(count);
            for text in received {
                self.output
                    .event(user, format_args!("[{CHANNEL}] {}: {text}", sender.name()))?;
            }
            missing = rest;
        }
        Ok(())
    }

    /// A message in the private channel of `user` with `other`.
    fn expect_private_message(
        &mut self,
        user: User,
        other: User,
        sender: User,
        text: &str,
    ) -> Result<(), Failure> {
        let expected = format!("the private message \"{text}\" from {}", sender.name());
        self.users.expect(user, &expected, |event| match event {
            Event::PrivateMessage { channel, message } => (**channel == *other.name()
                && message.sender() == sender.name()
                && message.content().as_str() == Some(text))
            .then_some(()),
            _ => None,
        })?;
        Ok(self
            .output
            .event(user, format_args!("[private] {}: {text}", sender.name()))?)
    }
}

/// Accepts the result of a request of this client that succeeded for this channel.
fn is_done(channels: &[ChannelOutcome], name: &str) -> Option<()> {
    let done = |channel: &&ChannelOutcome| {
        *channel.channel == *name && channel.outcome == Outcome::Done && channel.request.is_some()
    };
    channels.iter().find(done).map(drop)
}

fn is_bob_at_the_table(change: &SubscriberChange) -> Option<()> {
    (*change.channel == *TABLE && *change.user == *"bob").then_some(())
}
