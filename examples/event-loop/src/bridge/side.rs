//! [`Side`]: one client, in one channel of one server.

use chat_std_io::{
    ChatConfig, CloseOutcome, Event, Kept, Outcome, PublishOptions, Restore, Session,
    SubscribeOptions,
};
use std::env;
use std::error::Error;
use std::time::Duration;

/// The bytes of messages that wait while a server cannot be reached.
const QUEUE_CAP_BYTES: usize = 256 * 1024;

pub(crate) struct Side {
    /// The argument that describes the side, under which its state is kept.
    pub(crate) address: String,
    pub(crate) session: Session,
    channel: String,
    user: String,
}

impl Side {
    /// Makes a client for `ADDRESS/CHANNEL` that begins to connect, with the state that an earlier run
    /// kept.
    pub(crate) fn connect(address: &str, kept: Option<Kept>) -> Result<Self, Box<dyn Error>> {
        let Some((server, channel)) = address
            .rsplit_once('/')
            .filter(|(server, _)| !server.ends_with('/'))
        else {
            return Err(
                format!("{address:?} has no channel: write udp://HOST:PORT/CHANNEL").into(),
            );
        };
        let setting =
            |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
        // Each side is a user of its own: two clients of one user would share their channels.
        let user = format!("{}-{channel}", setting("PHOTON_USER", "bridge"));
        let config = ChatConfig::new(server, setting("PHOTON_APP_ID", "app"), "1.0")
            .user_id(user.as_str())
            // The client comes back by itself, and messages wait meanwhile.
            .restore(Restore::new().queue_cap_bytes(QUEUE_CAP_BYTES));
        // The channel is part of what was kept, with the position in it.
        let is_new = kept.as_ref().is_none_or(|kept| kept.channels() == 0);
        let mut session = Session::new(match kept {
            Some(kept) => config.resume(kept),
            None => config,
        })?;
        session
            .chat
            .connect_to_region_front_end(setting("PHOTON_REGION", "eu"))?;
        if is_new {
            // With restore this is possible before the connection exists.
            session
                .chat
                .subscribe([channel], &SubscribeOptions::new())?;
        }
        Ok(Self {
            address: address.to_owned(),
            session,
            channel: channel.to_owned(),
            user,
        })
    }

    /// Handles one event, and returns the lines to publish in the other channels.
    ///
    /// # Errors
    /// The connection is not coming back, or the server refuses the channel.
    pub(crate) fn on_event(&self, event: Event) -> Result<Vec<String>, Box<dyn Error>> {
        match event {
            Event::ChatMessages { messages, .. } => {
                // The server sends our own messages back, too. They would go round in circles.
                let others = messages
                    .iter()
                    .filter(|message| !message.is_from(&self.user));
                return Ok(others
                    .map(|message| format!("{}: {}", message.sender, message.content))
                    .collect());
            }
            Event::SubscribeResult(results) => {
                if let Some(result) = results
                    .iter()
                    .find(|result| result.outcome == Outcome::Refused)
                {
                    return Err(format!("{}: {}", self.address, result.outcome).into());
                }
            }
            Event::Restored { .. } => eprintln!("{}: in {:?}", self.address, self.channel),
            Event::Gap { missing, .. } => {
                eprintln!("{}: {missing:?} messages are missing", self.address)
            }
            Event::Error { message, .. } => eprintln!("{}: {message}", self.address),
            Event::ReconnectScheduled { after, .. } => {
                eprintln!("{}: next attempt in {after:?}", self.address);
            }
            Event::ReconnectGaveUp { cause } => {
                return Err(format!("{}: {cause}", self.address).into());
            }
            _ => {}
        }
        Ok(Vec::new())
    }

    /// Publishes a line, or lets it wait for the connection.
    pub(crate) fn publish(&mut self, line: &str) {
        let result = self
            .session
            .chat
            .publish_message(&self.channel, line, &PublishOptions::new());
        // One side that cannot take more must not hold up the others, so its copy is lost.
        if let Err(error) = result {
            eprintln!("{}: a message is lost: {error}", self.address);
        }
    }

    /// Disconnects once the accepted messages have left.
    pub(crate) fn close(self, timeout: Duration) {
        if self.session.close(timeout) == CloseOutcome::Unsent {
            eprintln!("{}: the last messages were lost", self.address);
        }
    }
}
