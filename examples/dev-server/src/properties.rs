//! Operation 8: properties of channels and of users in them. Spec: chat.md 3.8, 4.6, 12.

use photon_proto::{Parameters, Text};

use crate::channel_events::untyped;
use crate::context::Context;
use crate::event::Event;
use crate::ids::ConnectionId;
use crate::partition::Partition;
use crate::property_list::{Properties, apply, get, size};
use crate::requests::{Asked, SetProperties};
use chat_core::codes::{event, parameter as p, return_code};

impl Partition {
    pub(crate) fn set_properties(
        &mut self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        asked: Asked,
        user_id: &Text,
        request: SetProperties,
    ) {
        let SetProperties {
            channel: name,
            user,
            changes,
            expected,
            broadcast,
        } = request;
        let Some(channel) = self
            .channels
            .get_mut(&name)
            .filter(|channel| channel.subscribers.contains(user_id))
        else {
            return cx.refuse(
                id,
                asked,
                return_code::NOT_ALLOWED_IN_STATE,
                "not subscribed to this channel",
            );
        };
        let none = Properties::new();
        let current = match &user {
            None => Some(&channel.properties),
            // Not an entry of the map: a refused request must not leave an empty one behind, which
            // event 5 would contain.
            Some(user) if channel.subscribers.contains(user) => {
                Some(channel.user_properties.get(user).unwrap_or(&none))
            }
            Some(_) => None,
        };
        let Some(current) = current else {
            // Not -2: the .NET client takes that for an operation that the server does not know.
            return cx.refuse(
                id,
                asked,
                return_code::NOT_ALLOWED_IN_STATE,
                "the user is not in this channel",
            );
        };
        if expected
            .iter()
            .any(|(key, value)| get(current, key) != value)
        {
            return cx.refuse(
                id,
                asked,
                return_code::INVALID_OPERATION,
                "the expected values are not the current ones",
            );
        }
        let changed = apply(current, &changes);
        if size(&changed) > cx.config.max_property_bytes {
            let text = format!(
                "properties are limited to {} bytes",
                cx.config.max_property_bytes
            );
            return cx.refuse(id, asked, return_code::INVALID_OPERATION, &text);
        }
        match &user {
            None => channel.properties = changed,
            Some(user) if changed.is_empty() => {
                channel.user_properties.remove(user);
            }
            Some(user) => {
                channel.user_properties.insert(user.clone(), changed);
            }
        }
        cx.respond_ok(id, asked);
        if broadcast {
            let mut parameters: Parameters = vec![
                (p::CHANNEL, name.clone().into()),
                (p::SENDER, user_id.clone().into()),
                (p::PROPERTIES, untyped(changes)),
            ];
            if let Some(user) = user {
                parameters.push((p::USER_ID, user.into()));
            }
            let to = self.members(&name);
            cx.send_event(
                &to,
                &mut Event::with_content(event::PROPERTIES_CHANGED, parameters, &[p::PROPERTIES]),
            );
        }
    }
}
