//! [`Client`]: one session with the view that the script has of it, and the rules of the documented
//! API: which call a state allows, what `reset` is. Knows no Lua.

use crate::view::{SharedChannel, View};
use chat_core::{
    AuthValues, ConnectOptions, Encode, Event, OperationOptions, PrivateOptions, PublishOptions,
    RequestError, State, StatusMessage, SubscribeOptions, Value,
};
use chat_std_io::{ChatConfig, Session, SessionError};
use std::time::Duration;

/// Why a call did nothing.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The call returns false, and the text is logged.
    Refused(String),
    /// The script made a mistake: the call raises an error with this text.
    Wrong(String),
}

impl From<RequestError> for Refusal {
    /// What no value of the protocol expresses was found before, with its path. What remains is too
    /// long, which depends on data and not on the script.
    fn from(error: RequestError) -> Self {
        Self::Refused(error.to_string())
    }
}

pub(crate) type Answer = Result<(), Refusal>;

#[derive(Debug)]
pub(crate) struct Client {
    /// Only `None` once the client has been closed.
    session: Option<Session>,
    pub(crate) view: View,
    /// Whether subscriptions, friends and the status may be changed without a connection.
    restores: bool,
    /// A call inside a callback has changed the state, so that calls after it are judged by the
    /// client's state instead of the older one that the callback sees.
    is_ahead: bool,
    /// `reset` hides the next change to Disconnected.
    is_resetting: bool,
    /// `reset(true)` connects again in the next `service`.
    reconnects: bool,
    /// A list of regions was asked for, and its result has not been taken.
    asks_for_regions: bool,
}

/// One step of a script's events.
pub(crate) enum Step {
    Event(Event),
    /// The state is Uninitialized again, without a callback.
    Reset,
}

impl Client {
    pub(crate) fn new(config: ChatConfig, restores: bool) -> Result<Self, SessionError> {
        let session = Session::new(config)?;
        let mut view = View::new();
        view.user_id = session.chat.user_id().clone();
        Ok(Self {
            session: Some(session),
            view,
            restores,
            is_ahead: false,
            is_resetting: false,
            reconnects: false,
            asks_for_regions: false,
        })
    }

    pub(crate) fn session(&mut self) -> Result<&mut Session, Refusal> {
        let closed = || Refusal::Refused("the client is closed: make a new one".into());
        self.session.as_mut().ok_or_else(closed)
    }

    pub(crate) fn session_ref(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Ends the client for good. The session is returned, so that the caller decides how long to
    /// wait for it.
    pub(crate) fn take_session(&mut self) -> Option<Session> {
        self.session.take()
    }

    // Events.

    /// Reads, advances and writes once. Returns whether there are events, and whether there is
    /// more work.
    pub(crate) fn service(&mut self) -> (bool, bool) {
        let reconnects = std::mem::take(&mut self.reconnects);
        let Some(session) = &mut self.session else {
            return (false, false);
        };
        if reconnects {
            // Without a login there is nothing to return to. Spec: chat.md 7.
            let _refused = session.chat.reconnect();
        }
        let serviced = session.service();
        (session.chat.queued_events() > 0, serviced.more)
    }

    /// Waits until there is something to do, and services then.
    pub(crate) fn wait(&mut self, at_most: Duration) {
        if self.reconnects {
            return;
        }
        match &mut self.session {
            Some(session) => session.wait(at_most),
            None => std::thread::sleep(at_most),
        }
    }

    /// The time until it has something to do besides reading.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        if self.reconnects {
            return Some(Duration::ZERO);
        }
        self.session.as_ref().and_then(Session::timeout)
    }

    /// Takes one event, and moves the view to it.
    pub(crate) fn next_step(&mut self) -> Option<Step> {
        let session = self.session.as_mut()?;
        let Some(event) = session.poll_event() else {
            self.is_ahead = false;
            self.equal_client();
            return None;
        };
        self.view.take(&event);
        if matches!(event, Event::RegionsResult(_)) {
            self.asks_for_regions = false;
        }
        if matches!(event, Event::Restored { .. }) && session.chat.queued_events() == 0 {
            // Its callback looks for the channels that are back.
            self.equal_client();
        }
        if let Event::StateChanged {
            to: State::Disconnected,
            ..
        } = event
            && std::mem::take(&mut self.is_resetting)
        {
            self.view.state = State::Uninitialized;
            return Some(Step::Reset);
        }
        Some(Step::Event(event))
    }

    /// All events have been taken, so the view must equal the client.
    fn equal_client(&mut self) {
        let Some(session) = &self.session else {
            return;
        };
        let chat = &session.chat;
        if self.view.count(false) > chat.remembered_channels().count() {
            let known = |name: &str| chat.channel(name).is_some();
            self.view.retain(false, known);
        }
        if self.view.count(true) > chat.private_channels().count() {
            let known = |name: &str| chat.private_channel(name).is_some();
            self.view.retain(true, known);
        }
        if self.restores {
            // The outcomes of what the client asks for by itself are no events.
            for channel in chat.remembered_channels() {
                self.view.show(channel);
            }
        }
        if *chat.user_id() != self.view.user_id {
            self.view.user_id = chat.user_id().clone();
        }
    }

    // Connecting.

    fn check_state(&self, allowed: &[State]) -> Answer {
        if self.is_ahead || allowed.contains(&self.view.state) {
            return Ok(());
        }
        Err(RequestError::WrongState(self.view.state).into())
    }

    pub(crate) fn connect_to_name_server(&mut self, region: Option<&str>) -> Answer {
        self.check_state(&[State::Error, State::Uninitialized, State::Disconnected])?;
        let mut options = ConnectOptions::new();
        if let Some(region) = region {
            options = options.region(region);
        }
        self.session()?.chat.connect_to_name_server(options)?;
        self.changed_state();
        Ok(())
    }

    pub(crate) fn connect_to_region_front_end(&mut self, region: &str) -> Answer {
        self.check_state(&[
            State::Error,
            State::Uninitialized,
            State::Disconnected,
            State::ConnectingToNameServer,
            State::ConnectedToNameServer,
        ])?;
        self.session()?.chat.connect_to_region_front_end(region)?;
        self.changed_state();
        Ok(())
    }

    pub(crate) fn reconnect(&mut self) -> Answer {
        self.check_state(&[State::Error, State::Disconnected])?;
        self.session()?.chat.reconnect()?;
        self.changed_state();
        Ok(())
    }

    fn changed_state(&mut self) {
        self.reconnects = false;
        self.is_ahead = true;
    }

    pub(crate) fn get_regions(&mut self) -> Answer {
        self.check_state(&[State::ConnectedToNameServer])?;
        self.session()?.chat.get_regions()?;
        self.asks_for_regions = true;
        Ok(())
    }

    pub(crate) const fn is_asking_for_regions(&self) -> bool {
        self.asks_for_regions
    }

    pub(crate) fn disconnect(&mut self) {
        if let Ok(session) = self.session() {
            session.chat.disconnect();
            self.changed_state();
        }
    }

    /// Disconnects, and is as new, except that it keeps its channels and the login.
    ///
    /// Returns whether the state is Uninitialized at once, because no event announces it.
    pub(crate) fn reset(&mut self, connect: bool) -> bool {
        let Ok(session) = self.session() else {
            return false;
        };
        let state = session.chat.state();
        let has_end = !matches!(state, State::Uninitialized | State::Disconnected);
        session.chat.disconnect();
        let is_quiet = !has_end && session.chat.queued_events() == 0;
        self.changed_state();
        // Inside a callback the end may already be on its way.
        let sees_end = !matches!(self.view.state, State::Uninitialized | State::Disconnected);
        self.is_resetting = has_end || (!is_quiet && sees_end);
        self.reconnects = connect;
        if is_quiet {
            self.view.state = State::Uninitialized;
        }
        is_quiet
    }

    // Chat.

    fn check_chatting(&self) -> Answer {
        if self.restores {
            return Ok(());
        }
        self.check_state(&[State::ConnectedToFrontEnd])
    }

    pub(crate) fn subscribe(&mut self, names: &[String], options: &SubscribeOptions) -> Answer {
        self.check_chatting()?;
        self.session()?.chat.subscribe(names, options)?;
        Ok(())
    }

    pub(crate) fn unsubscribe(&mut self, names: &[String]) -> Answer {
        self.check_chatting()?;
        self.session()?.chat.unsubscribe(names)?;
        Ok(())
    }

    /// Returns the number of the message.
    pub(crate) fn publish(
        &mut self,
        channel: &str,
        content: &impl Encode,
        options: &PublishOptions,
    ) -> Result<u64, Refusal> {
        self.check_chatting()?;
        let chat = &mut self.session()?.chat;
        Ok(chat.publish_message(channel, content, options)?.number())
    }

    /// Returns the number of the message.
    pub(crate) fn send_private(
        &mut self,
        user: &str,
        content: &impl Encode,
        options: &PrivateOptions,
    ) -> Result<u64, Refusal> {
        self.check_chatting()?;
        let chat = &mut self.session()?.chat;
        Ok(chat.send_private_message(user, content, options)?.number())
    }

    pub(crate) fn send_operation(
        &mut self,
        code: u8,
        parameters: &[(u8, Value)],
        options: &OperationOptions,
    ) -> Answer {
        self.check_state(&[State::ConnectedToFrontEnd])?;
        Ok(self
            .session()?
            .chat
            .send_operation(code, parameters, options)?)
    }

    pub(crate) fn set_user_status(&mut self, status: i32, message: StatusMessage<'_>) -> Answer {
        self.check_chatting()?;
        Ok(self.session()?.chat.set_user_status(status, message)?)
    }

    pub(crate) fn change_friends(&mut self, users: &[String], add: bool) -> Answer {
        self.check_chatting()?;
        let chat = &mut self.session()?.chat;
        if add {
            chat.add_friends(users)?;
        } else {
            chat.remove_friends(users)?;
        }
        Ok(())
    }

    // What may change at any time.

    pub(crate) fn set_user_id(&mut self, user: &str) -> Answer {
        self.session()?.chat.set_user_id(user)?;
        self.view.user_id = user.into();
        Ok(())
    }

    pub(crate) fn set_authentication(&mut self, values: AuthValues) -> Answer {
        self.session()?.chat.set_custom_authentication(values);
        Ok(())
    }

    pub(crate) fn clear_messages(&mut self, channel: &SharedChannel) {
        let (name, private) = {
            let channel = channel.borrow();
            (channel.name.clone(), channel.is_private)
        };
        self.view.clear(channel);
        if let Some(session) = &mut self.session {
            if private {
                session.chat.clear_private_messages(&name);
            } else {
                session.chat.clear_messages(&name);
            }
        }
    }
}

impl Drop for Client {
    /// A client that the collector found while it was connected leaves as far as that is possible
    /// at once, so that the server does not wait for it.
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.close(Duration::ZERO);
        }
    }
}
