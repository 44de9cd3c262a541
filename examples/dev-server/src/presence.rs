//! Status and friends. Spec: chat.md 1.4, 3.6, 3.7, 4.3, 12.

use photon_proto::{Parameters, Text, Value};

use crate::context::Context;
use crate::event::Event;
use crate::ids::ConnectionId;
use crate::partition::Partition;
use crate::requests::{Asked, UpdateStatus};
use crate::user::User;
use chat_core::codes::{event, parameter as p, return_code};

/// The lowest status that counts as online and may have a message. Spec: chat.md 1.4.
const ONLINE: i32 = 2;
const OFFLINE: i32 = 0;

impl Partition {
    pub(crate) fn update_status(
        &mut self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        asked: Asked,
        user_id: &Text,
        request: UpdateStatus,
    ) {
        let Some(user) = self.users.get_mut(user_id) else {
            return;
        };
        user.status = request.status;
        if request.status < ONLINE {
            user.status_message = None;
        } else if let Some(message) = &request.message {
            user.status_message = Some(message.clone()).filter(|message| *message != Value::Null);
        }
        cx.respond_ok(id, asked);
        let message = request.message.filter(|_| request.status >= ONLINE);
        self.notify_watchers(cx, user_id, request.status, message);
    }

    pub(crate) fn add_friends(
        &mut self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        asked: Asked,
        user_id: &Text,
        friends: Vec<Text>,
    ) {
        if friends.len() > cx.config.max_friends_per_request {
            let text = format!(
                "at most {} friends a request",
                cx.config.max_friends_per_request
            );
            return cx.refuse(id, asked, return_code::INVALID_OPERATION, &text);
        }
        cx.respond_ok(id, asked);
        for friend in friends {
            let Some(user) = self.users.get_mut(user_id) else {
                debug_assert!(false, "only a user with a session adds friends");
                return;
            };
            if !user.friends.contains(&friend) {
                if friend.is_empty() || user.friends.len() >= cx.config.max_friends {
                    continue;
                }
                user.friends.insert(friend.clone());
                self.watchers
                    .entry(friend.clone())
                    .or_default()
                    .insert(user_id.clone());
            }
            let (status, message) = match self.users.get(&friend) {
                Some(user) if user.status >= ONLINE => (user.status, user.status_message.clone()),
                _ => (OFFLINE, None),
            };
            if status >= ONLINE || cx.config.report_offline_friends {
                let to = self.connections([user_id]);
                cx.send_event(&to, &mut status_event(&friend, status, message));
            }
        }
    }

    pub(crate) fn remove_friends(
        &mut self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        asked: Asked,
        user_id: &Text,
        friends: Vec<Text>,
    ) {
        for friend in friends {
            if self
                .users
                .get_mut(user_id)
                .is_some_and(|user| user.friends.remove(&friend))
            {
                self.stop_watching(user_id, &friend);
            }
        }
        cx.respond_ok(id, asked);
    }

    /// Handles the first connection of a user.
    pub(crate) fn came_online(&mut self, cx: &mut Context<'_>, user_id: &Text) {
        if cx.config.status_on_login
            && let Some(user) = self.users.get_mut(user_id)
        {
            user.status = ONLINE;
            self.notify_watchers(cx, user_id, ONLINE, None);
        }
    }

    /// Handles the loss of a user's last connection: friends are notified, and the user's own list
    /// is dropped.
    pub(crate) fn went_offline(&mut self, cx: &mut Context<'_>, user_id: &Text) {
        let Some(user) = self.users.get_mut(user_id) else {
            return;
        };
        let was_visible = user.status >= ONLINE;
        let User { friends, .. } = user;
        let friends = std::mem::take(friends);
        (user.status, user.status_message) = (OFFLINE, None);
        for friend in &friends {
            self.stop_watching(user_id, friend);
        }
        if was_visible {
            self.notify_watchers(cx, user_id, OFFLINE, None);
        }
    }

    fn stop_watching(&mut self, user_id: &Text, friend: &Text) {
        if let Some(watchers) = self.watchers.get_mut(friend) {
            let removed = watchers.remove(user_id);
            debug_assert!(removed, "friends and watchers list each other");
            if watchers.is_empty() {
                self.watchers.remove(friend);
            }
        }
    }

    fn notify_watchers(
        &self,
        cx: &mut Context<'_>,
        user_id: &Text,
        status: i32,
        message: Option<Value>,
    ) {
        if let Some(watchers) = self.watchers.get(user_id) {
            let to = self.connections(watchers);
            cx.send_event(&to, &mut status_event(user_id, status, message));
        }
    }
}

/// Event 4. An absent message means "unchanged", null means "none".
fn status_event(user_id: &Text, status: i32, message: Option<Value>) -> Event {
    // An invisible user looks like an absent one.
    let seen = if status < ONLINE { OFFLINE } else { status };
    let mut parameters: Parameters = vec![
        (p::SENDER, user_id.clone().into()),
        (p::STATUS, Value::Int(seen)),
    ];
    if let Some(message) = message {
        parameters.push((p::MESSAGE, message));
    }
    Event::with_content(event::STATUS_UPDATE, parameters, &[p::MESSAGE])
}
