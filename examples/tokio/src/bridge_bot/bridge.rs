//! The bridge: two sessions in one task.

use chat_core::{ChatConfig, DisconnectCause, Event, PublishOptions, Restore, SubscribeOptions};
use photon_tokio::{AsyncSession, chat_core};
use std::error::Error;
use std::time::Duration;

/// The time for the last messages to leave.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// One user in one channel of one server.
pub(crate) struct Side {
    session: AsyncSession,
    channel: String,
    user: String,
}

impl Side {
    /// Makes a user for `ADDRESS/CHANNEL` who begins to connect.
    pub(crate) fn connect(address: &str, app_id: &str) -> Result<Self, Box<dyn Error>> {
        let Some((server, channel)) = address
            .rsplit_once('/')
            .filter(|(server, _)| !server.ends_with('/'))
        else {
            return Err(
                format!("{address:?} has no channel: write udp://HOST:PORT/CHANNEL").into(),
            );
        };
        // Each side is a user of its own: two clients of one user would share their channels.
        let user = format!("bridge-{channel}");
        let config = ChatConfig::new(server, app_id, "1.0")
            .user_id(user.as_str())
            // The client comes back by itself, and messages wait meanwhile.
            .restore(Restore::new().queue_cap_bytes(256 * 1024));
        let session = AsyncSession::new(config)?;
        session.call(|chat| {
            chat.connect_to_region_front_end("eu")?;
            chat.subscribe([channel], &SubscribeOptions::new())
        })?;
        Ok(Self {
            session,
            channel: channel.to_owned(),
            user,
        })
    }

    /// Handles an event of this side. Publishes the messages of others on the other side.
    ///
    /// # Errors
    /// The connection is not coming back.
    fn on_event(&self, event: Event, other: &Self) -> Result<(), Box<DisconnectCause>> {
        match event {
            Event::ChatMessages { messages, .. } => {
                // The server sends our own messages back, too. They would go round in circles.
                for message in messages
                    .iter()
                    .filter(|message| !message.is_from(&self.user))
                {
                    other.publish(&format!("{}: {}", message.sender, message.content));
                }
            }
            Event::Restored { .. } => println!("in {:?}", self.channel),
            Event::Error { message, .. } => println!("{:?}: {message}", self.channel),
            Event::ReconnectScheduled { after, .. } => {
                println!("{:?}: next attempt in {after:?}", self.channel);
            }
            Event::ReconnectGaveUp { cause } => return Err(cause),
            _ => {}
        }
        Ok(())
    }

    fn publish(&self, line: &str) {
        println!("{line:?}"); // In quotation marks: that escapes what could control a terminal.
        let result = self
            .session
            .call(|chat| chat.publish_message(&self.channel, line, &PublishOptions::new()));
        // A side that cannot take more must not hold up the other, so its copy is lost.
        if let Err(error) = result {
            println!("{:?}: a message is lost: {error}", self.channel);
        }
    }
}

/// Publishes the messages of each side on the other, until `stop` completes. Then disconnects.
///
/// # Errors
/// A connection is not coming back.
pub(crate) async fn bridge(
    mut left: Side,
    mut right: Side,
    stop: impl Future<Output = ()>,
) -> Result<(), Box<dyn Error>> {
    let mut stop = std::pin::pin!(stop);
    let result = loop {
        // Each round drops the futures that did not complete. `next_event` loses nothing by it.
        let result = tokio::select! {
            event = left.session.next_event() => left.on_event(event, &right),
            event = right.session.next_event() => right.on_event(event, &left),
            () = &mut stop => break Ok(()),
        };
        if let Err(cause) = result {
            break Err(cause.to_string().into());
        }
    };
    let (left, right) = tokio::join!(
        left.session.close(CLOSE_TIMEOUT),
        right.session.close(CLOSE_TIMEOUT)
    );
    if !(left && right) {
        println!("the last messages were lost");
    }
    result
}
