//! The front end: authenticate, then chat operations. Spec: chat.md 2.9, 3, 12.

use photon_proto::{Parameters, Text, Value};

use crate::authentication::{self, Refusal};
use crate::core::ServerCore;
use crate::faults::Fault;
use crate::ids::{ConnectionId, PartitionKey, ServerKind};
use crate::requests::{Asked, Fields, Wrong};
use crate::steps::{ChatOperation, Step};
use chat_core::codes::{operation, parameter as p, return_code};

impl ServerCore {
    pub(crate) fn front_end_request(&mut self, id: ConnectionId, asked: Asked, fields: Fields) {
        let user = self
            .connections
            .get(id)
            .and_then(|connection| connection.user.clone());
        if asked.code == operation::AUTHENTICATE {
            return match user {
                None => self.enter_front_end(id, asked, fields),
                Some(_) => self.context().refuse(
                    id,
                    asked,
                    return_code::NOT_ALLOWED_IN_STATE,
                    "already authenticated",
                ),
            };
        }
        let Some(operation) = ChatOperation::of_code(asked.code) else {
            return self.context().refuse_unknown(id, asked);
        };
        match user {
            Some((key, user_id)) => self.chat(id, asked, operation, fields, &key, &user_id),
            None => self.context().refuse(
                id,
                asked,
                return_code::NOT_ALLOWED_IN_STATE,
                "not authenticated",
            ),
        }
    }

    fn enter_front_end(&mut self, id: ConnectionId, asked: Asked, fields: Fields) {
        let mut login = match fields.login() {
            Ok(login) => login,
            Err(wrong) => return self.context().refuse_wrong(id, asked, wrong),
        };
        login.app_id = login.app_id.or_else(|| self.path_app_id(id));
        let step = Step::Authenticate(ServerKind::FrontEnd);
        if login.token.is_some() && self.config.faults.happens(step, &Fault::ExpiredToken) {
            let (code, text) = (
                return_code::AUTHENTICATION_TICKET_EXPIRED,
                "the token has expired",
            );
            return self.context().refuse(id, asked, code, text);
        }
        let checked = authentication::check(
            &self.config,
            &self.tokens,
            &mut self.random,
            self.now,
            &login,
        )
        .and_then(|welcome| self.check_capacity(&welcome.identity).map(|()| welcome));
        let welcome = match checked {
            Ok(welcome) => welcome,
            Err(Refusal { code, text }) => return self.context().refuse(id, asked, code, &text),
        };
        let identity = welcome.identity;
        let mut parameters: Parameters = vec![(p::USER_ID, Value::from(identity.user_id.clone()))];
        if let Some(nickname) = welcome.nickname {
            parameters.push((p::NICKNAME, nickname.into()));
        }
        if self.config.renew_token {
            let expires = self.now.plus_millis(self.config.token_lifetime_ms);
            let token = self.tokens.issue(
                &mut self.random,
                &identity,
                expires,
                self.config.token_as_bytes,
            );
            parameters.push((p::SECRET, token));
        }
        let key = PartitionKey {
            app_id: identity.app_id,
            app_version: identity.app_version,
        };
        if let Some(connection) = self.connections.get_mut(id) {
            connection.user = Some((key.clone(), identity.user_id.clone()));
        }
        self.stats.sessions += 1;
        self.revision += 1;
        self.context().end_before_login(id);
        log::info!("{id} logged in");
        log::trace!("{id} is user {:?}", identity.user_id);
        self.make_partition(&key);
        let (partitions, mut cx) = self.split();
        // The response first: the client reads events of its session only once it is authenticated.
        cx.respond(id, asked, return_code::OK, None, parameters);
        if let Some(partition) = partitions.get_mut(&key) {
            partition.attach(&mut cx, id, &identity.user_id, login.private_history);
        }
    }

    /// Handles an operation of a user with a session.
    fn chat(
        &mut self,
        id: ConnectionId,
        asked: Asked,
        operation: ChatOperation,
        mut fields: Fields,
        key: &PartitionKey,
        user_id: &Text,
    ) {
        self.revision += 1;
        let (partitions, mut cx) = self.split();
        let Some(partition) = partitions.get_mut(key) else {
            debug_assert!(false, "a partition outlives its users");
            return;
        };
        if !cx.within_rate(id) {
            if cx.config.disconnect_over_rate {
                return cx.disconnect(
                    id,
                    return_code::OPERATION_LIMIT_REACHED,
                    "too many operations",
                );
            }
            return cx.refuse(
                id,
                asked,
                return_code::OPERATION_LIMIT_REACHED,
                "too many operations",
            );
        }
        let cx = &mut cx;
        let done: Result<(), Wrong> = match operation {
            ChatOperation::Subscribe => fields
                .subscribe()
                .map(|ask| partition.subscribe(cx, id, asked, user_id, ask)),
            ChatOperation::Unsubscribe => fields
                .texts(p::CHANNELS)
                .map(|names| partition.unsubscribe(cx, id, asked, user_id, names)),
            ChatOperation::Publish => fields
                .publish()
                .map(|ask| partition.publish(cx, id, asked, user_id, ask)),
            ChatOperation::SendPrivate => fields
                .send_private()
                .map(|ask| partition.send_private(cx, id, asked, user_id, ask)),
            ChatOperation::UpdateStatus => fields
                .update_status()
                .map(|ask| partition.update_status(cx, id, asked, user_id, ask)),
            ChatOperation::AddFriends => fields
                .texts(p::FRIENDS)
                .map(|names| partition.add_friends(cx, id, asked, user_id, names)),
            ChatOperation::RemoveFriends => fields
                .texts(p::FRIENDS)
                .map(|names| partition.remove_friends(cx, id, asked, user_id, names)),
            // A server without properties does not know the operation.
            ChatOperation::SetProperties if !cx.config.properties => {
                cx.refuse_unknown(id, asked);
                Ok(())
            }
            ChatOperation::SetProperties => fields
                .set_properties()
                .map(|ask| partition.set_properties(cx, id, asked, user_id, ask)),
        };
        if let Err(wrong) = done {
            cx.refuse_wrong(id, asked, wrong);
        }
        self.trim_histories();
    }
}
