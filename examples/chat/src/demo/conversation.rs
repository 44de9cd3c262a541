//! What alice and bob do, and what must come of it.

use super::Options;
use super::output::Output;
use super::user::{Users, Who};
use super::{Failure, Language, Privacy};
use Who::{Alice, Bob};
use chat_core::{
    ChannelOutcome, ChatClient, ConnectOptions, Event, Outcome, PrivateOptions, PropertyOptions,
    PublishOptions, RequestError, State, StatusChange, StatusMessage, SubscribeOptions,
    SubscriberChange, UserStatus,
};
use chat_std_io::CloseOutcome;
use photon_proto::Value;
use std::time::Duration;

const CHANNEL: &str = "general";
/// The channel that publishes its subscribers.
const TABLE: &str = "table";
/// How long disconnecting may take.
const CLOSE: Duration = Duration::from_secs(2);

/// The whole conversation; anything that is expected may take as long as `patience`.
pub(crate) fn play(
    output: &mut Output,
    server: &str,
    options: &Options,
    trust: Option<&str>,
    patience: Duration,
) -> Result<(), Failure> {
    let users = Users::new(server, options, trust, patience)?;
    let mut play = Play {
        output,
        users,
        language: options.language,
        privacy: options.privacy(),
    };
    play.log_in()?;
    play.channel_with_history()?;
    play.talk()?;
    play.private()?;
    play.status()?;
    play.company()?;
    play.leave()?;
    play.disconnect()
}

struct Play<'a> {
    output: &'a mut Output,
    users: Users,
    language: Language,
    privacy: Privacy,
}

impl Play<'_> {
    fn log_in(&mut self) -> Result<(), Failure> {
        self.output.heading("Log in")?;
        self.output.does(
            Alice,
            "connects to the name server and asks for its regions",
        )?;
        self.call(Alice, |chat| {
            chat.connect_to_name_server(ConnectOptions::new())
        })?;
        self.state(Alice, State::ConnectingToNameServer)?;
        self.state(Alice, State::ConnectedToNameServer)?;
        self.users.session(Alice).chat.get_regions();
        let regions = self
            .users
            .expect(Alice, "the list of regions", |event| match event {
                Event::RegionsResult(Ok(regions)) => Some(
                    regions
                        .iter()
                        .map(|region| region.code.to_string())
                        .collect::<Vec<_>>(),
                ),
                _ => None,
            })?;
        self.output
            .got(Alice, format_args!("regions: {}", regions.join(", ")))?;
        let Some(region) = regions.first().cloned() else {
            return Err(Failure::Missed(
                "alice expected a region, and the list of regions is empty".into(),
            ));
        };
        self.output
            .does(Alice, format_args!("logs in to region {region}"))?;
        self.call(Alice, |chat| {
            chat.connect_to_region_front_end(region.as_str())
        })?;
        self.front_end(Alice)?;

        self.output.does(
            Bob,
            format_args!("connects and logs in to region {region}, all in one call"),
        )?;
        self.call(Bob, |chat| {
            chat.connect_to_region_front_end(region.as_str())
        })?;
        self.state(Bob, State::ConnectingToNameServer)?;
        self.state(Bob, State::ConnectedToNameServer)?;
        self.front_end(Bob)
    }

    fn channel_with_history(&mut self) -> Result<(), Failure> {
        self.output.heading("A channel and its history")?;
        self.output
            .does(Alice, format_args!("subscribes to {CHANNEL}"))?;
        self.subscribe(Alice, CHANNEL, &SubscribeOptions::new())?;
        self.output.got(Alice, format_args!("is in {CHANNEL}"))?;
        for words in ["Is anybody here?", "Then I talk to myself until bob comes."] {
            self.say(Alice, words)?;
            self.sees(Alice, Alice, &[words])?;
        }
        self.output.does(
            Bob,
            format_args!("subscribes to {CHANNEL} and asks for all of its history"),
        )?;
        self.subscribe(Bob, CHANNEL, &SubscribeOptions::new().history(-1))?;
        self.output.got(Bob, format_args!("is in {CHANNEL}"))?;
        self.sees(
            Bob,
            Alice,
            &["Is anybody here?", "Then I talk to myself until bob comes."],
        )
    }

    fn talk(&mut self) -> Result<(), Failure> {
        self.output.heading("Talk")?;
        for (who, words) in [
            (Bob, "Hello alice! I have read it all."),
            (Alice, "Bob! Shall we roll dice?"),
        ] {
            self.say(who, words)?;
            self.sees(Alice, who, &[words])?;
            self.sees(Bob, who, &[words])?;
        }
        // Not only text: anything that Photon can serialise arrives with its type. JSON knows lists, and no int arrays.
        let dice = Value::from(vec![6, 2]);
        let (seen, kind) = match self.language {
            Language::Json => (Value::from(vec![Value::Int(6), Value::Int(2)]), "a list"),
            Language::V16 | Language::V18 => (dice.clone(), "an array of int"),
        };
        self.output
            .does(Bob, "rolls, and sends an array of two int")?;
        self.call(Bob, |chat| {
            chat.publish_message(CHANNEL, &dice, &PublishOptions::new())
        })?;
        for who in Who::BOTH {
            self.users.expect(who, "bob's dice", |event| match event {
                Event::ChatMessages { channel, messages }
                    if **channel == *CHANNEL && messages.len() == 1 =>
                {
                    messages
                        .get(0)
                        .filter(|message| {
                            message.sender == "bob" && message.content.to_value() == seen
                        })
                        .map(drop)
                }
                _ => None,
            })?;
            self.output
                .got(who, format_args!("{CHANNEL}, bob: {kind}, 6 and 2"))?;
        }
        Ok(())
    }

    fn private(&mut self) -> Result<(), Failure> {
        self.output.heading(match self.privacy {
            Privacy::Keys | Privacy::Link => {
                "Private messages, encrypted on their way to the server"
            }
            Privacy::Nothing => "Private messages, in clear: JSON over ws encrypts nothing",
        })?;
        for (from, to, words) in [
            (Alice, Bob, "Between us: were those dice loaded?"),
            (Bob, Alice, "I have no idea what you mean."),
        ] {
            self.output
                .does(from, format_args!("says to {}: {words}", to.name()))?;
            let options = PrivateOptions::new().encrypt(self.privacy != Privacy::Nothing);
            self.call(from, |chat| {
                chat.send_private_message(to.name(), words, &options)
            })?;
            // The sender gets it, too: that is how other clients of the same user know.
            for (who, other) in [(to, from), (from, to)] {
                self.private_message(who, other, from, words)?;
            }
        }
        Ok(())
    }

    fn status(&mut self) -> Result<(), Failure> {
        self.output.heading("Friends and their status")?;
        self.output.does(Alice, "adds bob to her friends")?;
        self.call(Alice, |chat| chat.add_friends(["bob"]))?;
        // He has not set any yet.
        self.sees_status(UserStatus::OFFLINE, &StatusChange::Kept, "nothing said")?;

        let words = "ready to play";
        self.output.does(
            Bob,
            format_args!("sets his status to Online, and says: {words}"),
        )?;
        self.call(Bob, |chat| {
            chat.set_user_status(UserStatus::ONLINE, StatusMessage::Set(words))
        })?;
        self.sees_status(
            UserStatus::ONLINE,
            &StatusChange::Set(Box::new(words.into())),
            words,
        )?;

        self.output
            .does(Bob, "sets his status to Away; what he says stays")?;
        self.call(Bob, |chat| {
            chat.set_user_status(UserStatus::AWAY, StatusMessage::Keep)
        })?;
        self.sees_status(
            UserStatus::AWAY,
            &StatusChange::Kept,
            "still the same words",
        )?;

        self.output
            .does(Bob, "sets his status to Playing, and says nothing any more")?;
        self.call(Bob, |chat| {
            chat.set_user_status(UserStatus::PLAYING, StatusMessage::Clear)
        })?;
        self.sees_status(
            UserStatus::PLAYING,
            &StatusChange::Cleared,
            "no words any more",
        )
    }

    fn company(&mut self) -> Result<(), Failure> {
        self.output
            .heading("A channel that tells who is in it, and has properties")?;
        self.output.does(
            Alice,
            format_args!("subscribes to {TABLE}, which is for two, who are told of each other"),
        )?;
        self.subscribe(
            Alice,
            TABLE,
            &SubscribeOptions::new()
                .publish_subscribers(true)
                .max_subscribers(2),
        )?;
        self.is_with(Alice, &["alice"])?;
        self.output
            .does(Bob, format_args!("subscribes to {TABLE}"))?;
        self.subscribe(Bob, TABLE, &SubscribeOptions::new())?;
        self.is_with(Bob, &["alice", "bob"])?;
        self.users.expect(
            Alice,
            &format!("bob to enter {TABLE}"),
            |event| match event {
                Event::UserSubscribed(change) => is_bob(change),
                _ => None,
            },
        )?;
        self.is_with(Alice, &["alice", "bob"])?;

        let (key, stake) = (Value::from("stake"), Value::Int(3));
        self.output.does(
            Alice,
            format_args!("sets the property stake of {TABLE} to 3"),
        )?;
        let properties = [(key.clone(), stake.clone())];
        self.call(Alice, |chat| {
            chat.set_channel_properties(TABLE, &properties, &PropertyOptions::new())
        })?;
        for who in Who::BOTH {
            self.users.expect(
                who,
                &format!("the stake of {TABLE} to change"),
                |event| match event {
                    Event::PropertiesChanged(change) => (*change.channel == *TABLE
                        && change.user.is_none()
                        && *change.by == *"alice"
                        && change.properties == properties)
                        .then_some(()),
                    _ => None,
                },
            )?;
            let known = self
                .users
                .session(who)
                .chat
                .channel(TABLE)
                .and_then(|table| table.property(&key));
            if known != Some(&stake) {
                return Err(Failure::Missed(format!(
                    "{} expected a stake of 3, and knows {known:?}",
                    who.name()
                )));
            }
            self.output
                .got(who, format_args!("{TABLE}: stake is 3 now, by alice"))?;
        }

        self.output
            .does(Bob, format_args!("unsubscribes from {TABLE}"))?;
        self.unsubscribe(Bob, TABLE)?;
        self.users.expect(
            Alice,
            &format!("bob to leave {TABLE}"),
            |event| match event {
                Event::UserUnsubscribed(change) => is_bob(change),
                _ => None,
            },
        )?;
        self.is_with(Alice, &["alice"])
    }

    fn leave(&mut self) -> Result<(), Failure> {
        self.output.heading("Leave")?;
        self.say(Bob, "I have to go.")?;
        for who in Who::BOTH {
            self.sees(who, Bob, &["I have to go."])?;
        }
        self.output
            .does(Bob, format_args!("unsubscribes from {CHANNEL}"))?;
        self.unsubscribe(Bob, CHANNEL)?;
        self.say(Alice, "And now I have the dice.")?;
        self.sees(Alice, Alice, &["And now I have the dice."])?;
        // Bob's next event is this one, so he did not get the message before it.
        self.output.does(Alice, "says to bob: Good night!")?;
        self.call(Alice, |chat| {
            chat.send_private_message("bob", "Good night!", &PrivateOptions::new())
        })?;
        self.private_message(Bob, Alice, Alice, "Good night!")?;
        self.private_message(Alice, Bob, Alice, "Good night!")
    }

    fn disconnect(mut self) -> Result<(), Failure> {
        self.output.heading("Disconnect")?;
        for who in Who::BOTH {
            self.users.session(who).chat.disconnect();
            self.state(who, State::Disconnected)?;
        }
        self.users.expect_silence()?;
        for (who, session) in self.users.into_sessions() {
            let outcome = session.close(CLOSE);
            if outcome == CloseOutcome::Unsent {
                return Err(Failure::Missed(format!(
                    "{}'s last bytes could not be sent",
                    who.name()
                )));
            }
            self.output.got(who, "is disconnected")?;
        }
        Ok(())
    }
}

/// What happens more than once.
impl Play<'_> {
    fn call(
        &mut self,
        who: Who,
        call: impl FnOnce(&mut ChatClient) -> Result<(), RequestError>,
    ) -> Result<(), Failure> {
        call(&mut self.users.session(who).chat).map_err(|error| {
            Failure::Refused(format!("{} was refused a call: {error}", who.name()))
        })
    }

    fn state(&mut self, who: Who, state: State) -> Result<(), Failure> {
        let what = format!("to be in state {}", state.name());
        self.users.expect(who, &what, |event| match event {
            Event::StateChanged { to, .. } if *to == state => Some(()),
            _ => None,
        })
    }

    /// From the name server to the front end.
    fn front_end(&mut self, who: Who) -> Result<(), Failure> {
        let user = self.users.expect(
            who,
            "to be logged in on the name server",
            |event| match event {
                Event::Authenticated(login) if *login.user_id == *who.name() => {
                    Some(login.user_id.to_string())
                }
                _ => None,
            },
        )?;
        self.state(who, State::ConnectingToFrontEnd)?;
        self.state(who, State::ConnectedToFrontEnd)?;
        Ok(self.output.got(who, format_args!("logged in as {user}"))?)
    }

    fn subscribe(
        &mut self,
        who: Who,
        channel: &str,
        options: &SubscribeOptions,
    ) -> Result<(), Failure> {
        self.call(who, |chat| chat.subscribe([channel], options).map(drop))?;
        self.users.expect(
            who,
            &format!("to be subscribed to {channel}"),
            |event| match event {
                Event::SubscribeResult(channels) => is_done(channels, channel),
                _ => None,
            },
        )
    }

    fn unsubscribe(&mut self, who: Who, channel: &str) -> Result<(), Failure> {
        self.call(who, |chat| chat.unsubscribe([channel]).map(drop))?;
        self.users.expect(
            who,
            &format!("to have left {channel}"),
            |event| match event {
                Event::UnsubscribeResult(channels) => is_done(channels, channel),
                _ => None,
            },
        )?;
        Ok(self.output.got(who, format_args!("has left {channel}"))?)
    }

    /// `who` knows who is at the table.
    fn is_with(&mut self, who: Who, expected: &[&str]) -> Result<(), Failure> {
        let table = self.users.session(who).chat.channel(TABLE);
        let there: Vec<&str> = table
            .map(|table| table.subscribers().map(|user| &**user).collect())
            .unwrap_or_default();
        if there != expected {
            let expected = expected.join(" and ");
            return Err(Failure::Missed(format!(
                "{} expected {expected} in {TABLE}, and knows {there:?}",
                who.name()
            )));
        }
        Ok(self
            .output
            .got(who, format_args!("in {TABLE}: {}", there.join(" and ")))?)
    }

    /// alice is told of bob's status; `words` is that for people.
    fn sees_status(
        &mut self,
        expected: UserStatus,
        change: &StatusChange,
        words: &str,
    ) -> Result<(), Failure> {
        let what = format!("bob to be {}", expected.name());
        self.users.expect(Alice, &what, |event| match event {
            Event::UserStatusUpdate {
                user,
                status,
                message,
            } => (**user == *"bob" && *status == expected && message == change).then_some(()),
            _ => None,
        })?;
        Ok(self
            .output
            .got(Alice, format_args!("bob is {}: {words}", expected.name()))?)
    }

    fn say(&mut self, who: Who, words: &str) -> Result<(), Failure> {
        self.output.does(who, format_args!("says: {words}"))?;
        self.call(who, |chat| {
            chat.publish_message(CHANNEL, words, &PublishOptions::new())
        })
    }

    /// `who` gets exactly these messages, in one event or several.
    fn sees(&mut self, who: Who, sender: Who, all: &[&str]) -> Result<(), Failure> {
        let mut missing = all;
        while let Some(next) = missing.first() {
            let what = format!("\"{next}\" of {} in {CHANNEL}", sender.name());
            let came = self.users.expect(who, &what, |event| match event {
                Event::ChatMessages { channel, messages }
                    if **channel == *CHANNEL && !messages.is_empty() =>
                {
                    let expected = missing.get(..messages.len())?;
                    let same = messages.iter().zip(expected).all(|(message, words)| {
                        message.sender == sender.name() && message.content.as_str() == Some(words)
                    });
                    same.then_some(messages.len())
                }
                _ => None,
            })?;
            let (now, later) = missing.split_at_checked(came).unwrap_or((missing, &[]));
            for words in now {
                self.output
                    .got(who, format_args!("{CHANNEL}, {}: {words}", sender.name()))?;
            }
            missing = later;
        }
        Ok(())
    }

    /// `who` gets a message in the conversation with `other`.
    fn private_message(
        &mut self,
        who: Who,
        other: Who,
        sender: Who,
        words: &str,
    ) -> Result<(), Failure> {
        let what = format!("the private message \"{words}\" of {}", sender.name());
        self.users.expect(who, &what, |event| match event {
            Event::PrivateMessage { channel, message } => (**channel == *other.name()
                && message.sender() == sender.name()
                && message.content().as_str() == Some(words))
            .then_some(()),
            _ => None,
        })?;
        Ok(self
            .output
            .got(who, format_args!("private, {}: {words}", sender.name()))?)
    }
}

/// What was asked of a channel is done.
fn is_done(channels: &[ChannelOutcome], name: &str) -> Option<()> {
    let done = |channel: &&ChannelOutcome| {
        *channel.channel == *name && channel.outcome == Outcome::Done && channel.request.is_some()
    };
    channels.iter().find(done).map(drop)
}

fn is_bob(change: &SubscriberChange) -> Option<()> {
    (*change.channel == *TABLE && *change.user == *"bob").then_some(())
}
