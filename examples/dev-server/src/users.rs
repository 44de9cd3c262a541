//! User sessions: all connections of one user share subscriptions, friends and status. Spec:
//! chat.md 12, front end: session.

use photon_proto::Text;

use crate::context::Context;
use crate::ids::ConnectionId;
use crate::partition::Partition;
use crate::settings::SERVER_LOGIC;
use crate::subscriptions::portions;
use crate::timers::Timer;

impl Partition {
    /// Adds a connection to a user's session, which is made if it does not exist. The response to
    /// the login was sent before; the events sent here bring the client up to date with the
    /// session.
    pub(crate) fn attach(
        &mut self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        user_id: &Text,
        private_history: Option<i32>,
    ) {
        let user = self.users.entry(user_id.clone()).or_default();
        debug_assert!(!user.connections.contains(&id), "a connection logs in once");
        let first = user.connections.is_empty();
        let others = user.connections.clone();
        user.connections.push(id);
        user.grace_until = None;
        let channels: Vec<Text> = user.channels.iter().cloned().collect();
        if cx.config.single_login {
            // After the new connection was added: the session must not end in between.
            for other in others {
                cx.disconnect(other, SERVER_LOGIC, "the user has logged in elsewhere");
            }
        }
        if !channels.is_empty() && cx.config.event_5_on_login {
            let parts: Vec<&[Text]> = if cx.config.split_event_5 {
                channels.chunks(1).collect()
            } else {
                let parts = portions(&channels);
                parts.filter_map(|at| channels.get(at)).collect()
            };
            for part in parts {
                let results = vec![true; part.len()];
                let mut event = self.subscription_event(user_id, part.to_vec(), results);
                cx.send_event(&[id], &mut event);
            }
        }
        self.replay_private(cx, id, user_id, private_history);
        if first {
            self.came_online(cx, user_id);
        }
    }

    /// Removes a connection from its user's session. A session without connections ends: at once if
    /// the client closed the connection, otherwise after the grace period.
    pub(crate) fn detach(
        &mut self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        user_id: &Text,
        clean: bool,
    ) {
        let Some(user) = self.users.get_mut(user_id) else {
            debug_assert!(false, "a session outlives its connections");
            return;
        };
        debug_assert!(user.connections.contains(&id), "a connection leaves once");
        user.connections.retain(|&connection| connection != id);
        if !user.connections.is_empty() {
            return;
        }
        let until = user.begin_grace(cx.now, cx.config.grace_ms);
        self.went_offline(cx, user_id);
        if clean || cx.config.grace_ms == 0 {
            self.remove_user(cx, user_id);
        } else {
            cx.timers
                .set(until, Timer::User(self.key.clone(), user_id.clone()));
        }
    }

    /// Ends a session whose grace period is over.
    pub(crate) fn check_user(&mut self, cx: &mut Context<'_>, user_id: &Text) {
        let over = self
            .users
            .get(user_id)
            .and_then(|user| user.grace_until)
            .is_some_and(|until| until <= cx.now);
        if over {
            self.remove_user(cx, user_id);
        }
    }

    fn remove_user(&mut self, cx: &mut Context<'_>, user_id: &Text) {
        let Some(user) = self.users.remove(user_id) else {
            return;
        };
        debug_assert!(user.connections.is_empty() && user.friends.is_empty());
        for channel in &user.channels {
            self.leave(cx, channel, user_id);
        }
        self.conversations
            .forget(user_id, |other| self.users.contains_key(other));
    }
}
