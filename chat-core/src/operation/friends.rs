//! AddFriends (6) and RemoveFriends (7). Spec: chat.md 3.7.

use super::names::{NameList, check_names};
use crate::client::ChatClient;
use crate::codes::parameter;
use crate::error::RequestError;
use photon_proto::message::MessageWriter;

/// Longest list that is sent. Spec: chat.md 3.7.
const MAX_FRIENDS: usize = 1024;

impl ChatClient {
    pub(crate) fn send_friends<I>(&mut self, operation: u8, users: I) -> Result<(), RequestError>
    where
        I: Iterator<Item: AsRef<str>> + Clone,
    {
        let (config, peer) = self.chatting()?;
        if check_names(users.clone(), "list of users", "user id")? > MAX_FRIENDS {
            return Err(RequestError::TooMany {
                what: "users",
                most: MAX_FRIENDS,
            });
        }
        peer.send(false, true, |buffer| {
            let mut request =
                MessageWriter::request(buffer, config.protocol, &config.limits, operation)?;
            request.put(parameter::FRIENDS, &NameList(users.clone()))?;
            Ok(request.finish()?)
        })
    }
}
