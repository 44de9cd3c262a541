//! What the server does wrong on purpose: [`Faults`], all off by default. Spec: chat.md 12, fault switches.

use chat_core::codes::operation;

use crate::connections::ServerKind;

/// A point of a connection's life at which the server can be told to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// A connection was accepted; nothing has been received.
    Accept(ServerKind),
    /// The init arrived.
    Init(ServerKind),
    /// The key exchange request arrived.
    KeyExchange(ServerKind),
    /// A ping arrived.
    Ping(ServerKind),
    /// Operation 220 on the name server.
    GetRegions,
    /// Operation 230.
    Authenticate(ServerKind),
    /// Operation 0.
    Subscribe,
    /// Operation 1.
    Unsubscribe,
    /// Operation 2.
    Publish,
    /// Operation 3.
    SendPrivate,
    /// Operation 5.
    UpdateStatus,
    /// Operation 6.
    AddFriends,
    /// Operation 7.
    RemoveFriends,
    /// Operation 8.
    SetProperties,
}

impl Step {
    /// The step at which an operation is asked for, if it is a known one.
    pub(crate) const fn of_operation(server_kind: ServerKind, code: u8) -> Option<Self> {
        Some(match (server_kind, code) {
            (_, operation::AUTHENTICATE) => Self::Authenticate(server_kind),
            (ServerKind::NameServer, operation::GET_REGIONS) => Self::GetRegions,
            (ServerKind::NameServer, _) => return None,
            (ServerKind::FrontEnd, operation::SUBSCRIBE) => Self::Subscribe,
            (ServerKind::FrontEnd, operation::UNSUBSCRIBE) => Self::Unsubscribe,
            (ServerKind::FrontEnd, operation::PUBLISH) => Self::Publish,
            (ServerKind::FrontEnd, operation::SEND_PRIVATE) => Self::SendPrivate,
            (ServerKind::FrontEnd, operation::UPDATE_STATUS) => Self::UpdateStatus,
            (ServerKind::FrontEnd, operation::ADD_FRIENDS) => Self::AddFriends,
            (ServerKind::FrontEnd, operation::REMOVE_FRIENDS) => Self::RemoveFriends,
            (ServerKind::FrontEnd, operation::SET_PROPERTIES) => Self::SetProperties,
            _ => return None,
        })
    }
}

/// What the server does at a [`Step`]. Unless stated otherwise it replaces the answer, and the request has no effect.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing: no answer, no effect.
    Silent,
    /// Nothing, and nothing more on this connection ever after, not even answers to pings. Over UDP, where there are no
    /// pings to answer, the server knows nothing of the connection any more: not even acknowledgements come.
    Mute,
    /// A refusal: this return code and text. (Steps without a return code are refused by closing.)
    Refuse {
        /// Return code.
        code: i16,
        /// The server's text; empty for none.
        text: String,
    },
    /// Closes the connection. Over UDP, here and wherever the server ends a connection, with a disconnect command, which
    /// gives the reason 1 (server logic) unless there is a better one. Spec: udp.md 7.2.
    Close,
    /// Answers as usual, then closes the connection.
    CloseAfter,
    /// Sends a disconnect message, then closes the connection. JSON has no such message. Spec: wire.md 3.4.
    Disconnect {
        /// Reason, as a return code.
        code: i16,
        /// The server's text; empty for none.
        text: String,
    },
    /// Answers as usual, then as [`Fault::Disconnect`].
    DisconnectAfter {
        /// Reason, as a return code.
        code: i16,
        /// The server's text; empty for none.
        text: String,
    },
    /// Bytes that are no frame; over UDP a message that is none.
    BadFrame,
    /// A proper frame around a message that cannot be decoded.
    Undecodable,
    /// An answer whose parameters have the wrong types ([`Step::GetRegions`], [`Step::Authenticate`],
    /// [`Step::Subscribe`]).
    WrongTypes,
    /// Success without a public key ([`Step::KeyExchange`]).
    EmptyKey,
    /// Success with the public key 1 ([`Step::KeyExchange`]).
    DegenerateKey,
    /// Arrays of different lengths: one region more than addresses ([`Step::GetRegions`]), one outcome fewer than
    /// channels ([`Step::Subscribe`]), one sender more than messages ([`Step::Publish`], unless messages are gathered).
    WrongLengths,
    /// The token of the usual answer has expired already ([`Step::Authenticate`] on the name server), or every token
    /// counts as expired ([`Step::Authenticate`] on the front end).
    ExpiredToken,
    /// The usual answer with p221 as a byte array ([`Step::Authenticate`] on the name server).
    BytesToken,
    /// The usual answer without p221 ([`Step::Authenticate`] on the name server).
    OmitToken,
    /// The usual answer without p230 ([`Step::Authenticate`] on the name server).
    OmitAddress,
    /// The usual answer with this text as p230 ([`Step::Authenticate`] on the name server).
    Address(String),
    /// The user gets this id, whatever it asked for ([`Step::Authenticate`] on the name server).
    UserId(String),
    /// Carried out and answered with a response, but without its event ([`Step::Subscribe`], [`Step::Unsubscribe`]).
    NoEvent,
    /// The usual event, twice ([`Step::Subscribe`], [`Step::Unsubscribe`]).
    Duplicate,
    /// The usual outcome, one event for each channel ([`Step::Subscribe`], [`Step::Unsubscribe`]).
    Split,
    /// The event says false for every channel, and the user is in none ([`Step::Subscribe`]).
    Deny,
    /// The usual event, then one with these names, all true, that nobody asked for ([`Step::Subscribe`]).
    ForeignChannels(Vec<String>),
    /// History comes before the event that confirms the subscription ([`Step::Subscribe`]).
    MessagesFirst,
}

#[derive(Clone, Debug)]
struct Active {
    step: Step,
    fault: Fault,
    /// How many more times; `None` for ever.
    left: Option<u32>,
}

/// The faults that are on. Spec: chat.md 12.
///
/// Several may be on at one step: the first one switched on that replaces the answer wins, and those that only change it
/// add up.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    active: Vec<Active>,
}

impl Faults {
    /// No faults.
    #[must_use]
    pub const fn new() -> Self {
        Self { active: Vec::new() }
    }

    /// Switches `fault` on at `step`, until it is switched off.
    pub fn on(&mut self, step: Step, fault: Fault) -> &mut Self {
        self.active.push(Active {
            step,
            fault,
            left: None,
        });
        self
    }

    /// Switches `fault` on at `step` for the next `times` times that it would happen.
    pub fn times(&mut self, step: Step, fault: Fault, times: u32) -> &mut Self {
        if times > 0 {
            self.active.push(Active {
                step,
                fault,
                left: Some(times),
            });
        }
        self
    }

    /// Switches everything at `step` off.
    pub fn off(&mut self, step: Step) -> &mut Self {
        self.active.retain(|active| active.step != step);
        self
    }

    /// Switches `fault` at `step` off; whether it was on.
    pub fn off_fault(&mut self, step: Step, fault: &Fault) -> bool {
        let before = self.active.len();
        self.active
            .retain(|active| active.step != step || active.fault != *fault);
        self.active.len() < before
    }

    /// What is on, in the order in which it was switched on, with how many more times it happens; `None` for ever.
    pub fn active(&self) -> impl Iterator<Item = (Step, &Fault, Option<u32>)> {
        self.active
            .iter()
            .map(|active| (active.step, &active.fault, active.left))
    }

    /// Switches everything off.
    pub fn clear(&mut self) {
        self.active.clear();
    }

    /// Whether everything is off.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// The first wanted fault at `step`, which has thereby happened once.
    pub(crate) fn take(&mut self, step: Step, wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let at = self
            .active
            .iter()
            .position(|active| active.step == step && wanted(&active.fault))?;
        let active = self.active.get_mut(at)?;
        match &mut active.left {
            None => Some(active.fault.clone()),
            Some(left) if *left > 1 => {
                *left -= 1;
                Some(active.fault.clone())
            }
            Some(_) => Some(self.active.remove(at).fault),
        }
    }

    /// Whether `fault` is on at `step`; it has thereby happened once.
    pub(crate) fn happens(&mut self, step: Step, fault: &Fault) -> bool {
        self.take(step, |active| active == fault).is_some()
    }
}

impl Fault {
    /// Whether this replaces the answer, rather than changing it or following it.
    pub(crate) const fn replaces(&self) -> bool {
        matches!(
            self,
            Self::Silent
                | Self::Mute
                | Self::Refuse { .. }
                | Self::Close
                | Self::Disconnect { .. }
                | Self::BadFrame
                | Self::Undecodable
        )
    }

    /// Whether this comes after the usual answer.
    pub(crate) const fn follows(&self) -> bool {
        matches!(self, Self::CloseAfter | Self::DisconnectAfter { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Faults, Step};

    #[test]
    fn a_counted_fault_ends_by_itself_and_others_do_not() {
        let mut faults = Faults::new();
        faults
            .times(Step::Publish, Fault::Silent, 2)
            .on(Step::Publish, Fault::Close);
        let mut next = || faults.take(Step::Publish, Fault::replaces);
        assert_eq!(next(), Some(Fault::Silent));
        assert_eq!(next(), Some(Fault::Silent));
        assert_eq!(next(), Some(Fault::Close));
        assert_eq!(next(), Some(Fault::Close));
        assert_eq!(faults.take(Step::Subscribe, |_| true), None);
        faults.off(Step::Publish);
        assert!(faults.is_empty());
    }
}
