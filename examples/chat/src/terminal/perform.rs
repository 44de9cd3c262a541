//! [`perform`]: does with the session what a line asked for.

use super::action::Action;
use super::conversation::Target;
use super::report::{key, shown};
use super::screen::Screen;
use super::text::clean;
use chat_core::{
    MessageToken, PrivateOptions, PropertyOptions, PublishOptions, RequestError, State,
    StatusMessage, SubscribeOptions,
};
use chat_std_io::Session;
use photon_proto::Value;

/// How many older messages a new channel shows.
const HISTORY: i32 = 50;

/// Whether the program goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Performed {
    Done,
    Quit,
}

/// Performs an action, and shows what the client refuses.
pub(crate) fn perform(action: Action, session: &mut Session, screen: &mut Screen) -> Performed {
    let chat = &mut session.chat;
    let is_connected = chat.is_connected_to_front_end();
    let result = match action {
        Action::Quit => return Performed::Quit,
        Action::Join(channels) => {
            for channel in channels {
                join(&channel, session, screen);
            }
            Ok(())
        }
        Action::Part(channel) if !screen.has(&Target::Channel(channel.clone())) => {
            screen.answer(&format!("you are not in #{channel}"));
            Ok(())
        }
        Action::Part(channel) => {
            let result = chat.unsubscribe([channel.as_str()]).map(drop);
            // The server's answer closes the tab; without a connection there is none.
            if !is_connected {
                screen.close(&Target::Channel(channel));
            }
            result
        }
        Action::Publish { channel, text } => {
            let options = PublishOptions::new();
            let sent = chat.publish_message(&channel, text.as_str(), &options);
            note(sent, Target::Channel(channel), is_connected, screen)
        }
        Action::Private { user, text } => {
            let options = PrivateOptions::new();
            let sent = chat.send_private_message(&user, text.as_str(), &options);
            note(sent, Target::Private(user), is_connected, screen)
        }
        Action::Status { status, text } => {
            let message = text
                .as_deref()
                .map_or(StatusMessage::Clear, StatusMessage::Set);
            chat.set_user_status(status, message)
                .map(|()| screen.answer(&format!("you are {}", status.name().to_lowercase())))
        }
        Action::AddFriends(users) => chat.add_friends(&users),
        Action::RemoveFriends(users) => {
            let result = chat.remove_friends(&users);
            screen.forget_friends(&users);
            result
        }
        Action::ShowProperties(name) => {
            let mut any = false;
            let properties = chat.channel(&name).map(|channel| channel.properties());
            for (name, value) in properties.into_iter().flatten() {
                any = true;
                screen.answer(&format!("{} = {}", key(name), shown(value)));
            }
            if !any {
                screen.answer("the channel has no properties; /prop KEY=TEXT sets one");
            }
            Ok(())
        }
        Action::SetProperty {
            channel,
            key,
            value,
        } => {
            let value = value.map_or(Value::Null, |value| value.as_str().into());
            let properties = [(Value::from(key.as_str()), value)];
            chat.set_channel_properties(&channel, &properties, &PropertyOptions::new())
        }
        Action::Region(region) => {
            chat.disconnect();
            chat.connect_to_region_front_end(region.as_str())
        }
        Action::Reconnect => chat.reconnect(),
        Action::Drop if !is_connected => {
            screen.answer("there is no connection to cut");
            Ok(())
        }
        Action::Drop => {
            session.simulate_connection_loss();
            Ok(())
        }
        Action::Stats => {
            for line in stats(session) {
                screen.answer(&line);
            }
            Ok(())
        }
        // The screen has done these.
        Action::Close | Action::Clear | Action::Help => Ok(()),
    };
    if let Err(error) = result {
        screen.problem(&explained(&error));
    }
    Performed::Done
}

/// The error for a user, who knows commands and no calls.
fn explained(error: &RequestError) -> String {
    match error {
        RequestError::WrongState(State::ConnectedToFrontEnd) => "you are connected already".into(),
        RequestError::WrongState(_) => {
            "there is no connection: try it again when it is back; /reconnect connects now".into()
        }
        RequestError::NothingToReconnectTo => {
            "there was no login yet: choose a region, for example /region eu".into()
        }
        error => error.to_string(),
    }
}

/// Subscribes to a channel, which gets a tab when the server agrees.
pub(crate) fn join(channel: &str, session: &mut Session, screen: &mut Screen) {
    // Creation options are for one channel, so each is a request of its own. A server that refuses
    // them gets the request without.
    let options = SubscribeOptions::new()
        .history(HISTORY)
        .publish_subscribers(true)
        .max_subscribers(100)
        .or_plain();
    if let Err(error) = session.chat.subscribe([channel], &options) {
        screen.problem(&format!("#{}: {}", clean(channel), explained(&error)));
    }
}

fn note(
    sent: Result<MessageToken, RequestError>,
    target: Target,
    is_connected: bool,
    screen: &mut Screen,
) -> Result<(), RequestError> {
    screen.note_sent(sent?.number(), target);
    if !is_connected {
        screen.answer("there is no connection: the message waits for it");
    }
    Ok(())
}

fn stats(session: &Session) -> Vec<String> {
    let stats = session.chat.stats();
    let milliseconds = |time: Option<std::time::Duration>| {
        time.map_or("unknown".into(), |time| format!("{} ms", time.as_millis()))
    };
    let mut lines = vec![
        format!(
            "round trip {}, variance {}",
            milliseconds(stats.round_trip),
            milliseconds(stats.round_trip_variance)
        ),
        format!(
            "{} messages received, {} repeated, {} missing in {} gaps",
            stats.received_messages, stats.repeated_messages, stats.missing_messages, stats.gaps
        ),
        format!(
            "{} attempts to connect again, {} restored connections",
            stats.reconnect_attempts, stats.restores
        ),
    ];
    if let Some(udp) = stats.udp {
        lines.push(format!(
            "UDP: {} datagrams sent, {} received, {} commands sent again",
            udp.sent_datagrams, udp.received_datagrams, udp.resent_commands
        ));
    }
    lines
}
