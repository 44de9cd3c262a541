//! [`Faults`]: errors that the server makes on request, all off by default. Spec: chat.md 12, fault
//! switches.

use crate::steps::Step;

/// The behaviour of the server at a [`Step`]. Unless stated otherwise it replaces the response, and
/// the request has no effect.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// No response.
    Silent,
    /// No response, and nothing more on this connection, not even responses to pings. A UDP
    /// connection has no pings to answer; there the server drops the connection, so that not even
    /// acknowledgements are sent.
    Mute,
    /// A response with this return code and text. Steps without a return code close the connection
    /// instead.
    Refuse {
        /// Return code.
        code: i16,
        /// The server's text; an empty one stays empty.
        text: String,
    },
    /// Closes the connection. Over UDP the server sends a disconnect command; its reason is 1
    /// (server logic) unless a better one applies, as always when the server ends a UDP connection.
    /// Spec: udp.md 7.2.
    Close,
    /// Responds normally, then closes the connection.
    CloseAfter,
    /// Sends a disconnect message, then closes the connection. JSON has no such message. Spec:
    /// wire.md 3.4.
    Disconnect {
        /// The reason, as a return code.
        code: i16,
        /// The server's text; an empty one stays empty.
        text: String,
    },
    /// Responds normally, then acts as [`Fault::Disconnect`].
    DisconnectAfter {
        /// The reason, as a return code.
        code: i16,
        /// The server's text; an empty one stays empty.
        text: String,
    },
    /// Bytes that are not a frame; over UDP, a message without a valid header.
    BadFrame,
    /// A valid frame with a message that cannot be decoded.
    Undecodable,
    /// A response whose parameters have wrong types ([`Step::GetRegions`], [`Step::Authenticate`],
    /// [`Step::Subscribe`]).
    WrongTypes,
    /// A successful response without a public key ([`Step::KeyExchange`]).
    EmptyKey,
    /// A successful response with the public key 1 ([`Step::KeyExchange`]).
    DegenerateKey,
    /// Arrays of different lengths: one region more than addresses ([`Step::GetRegions`]), one
    /// outcome fewer than channels ([`Step::Subscribe`]), one sender more than messages
    /// ([`Step::Publish`], unless messages are collected).
    WrongLengths,
    /// On the name server, a response whose token has already expired; on the front end, every
    /// token counts as expired ([`Step::Authenticate`]).
    ExpiredToken,
    /// The normal response with p221 as a byte array ([`Step::Authenticate`] on the name server).
    BytesToken,
    /// The normal response without p221 ([`Step::Authenticate`] on the name server).
    OmitToken,
    /// The normal response without p230 ([`Step::Authenticate`] on the name server).
    OmitAddress,
    /// The normal response with this text as p230 ([`Step::Authenticate`] on the name server).
    Address(String),
    /// The normal response, but the user gets this id whatever it requested ([`Step::Authenticate`]
    /// on the name server).
    UserId(String),
    /// The operation succeeds, with a response but without its event ([`Step::Subscribe`],
    /// [`Step::Unsubscribe`]).
    NoEvent,
    /// The normal event, twice ([`Step::Subscribe`], [`Step::Unsubscribe`]).
    Duplicate,
    /// The normal result in one event for each channel ([`Step::Subscribe`],
    /// [`Step::Unsubscribe`]).
    Split,
    /// An event with the outcome false for every channel; the user is in none
    /// ([`Step::Subscribe`]).
    Deny,
    /// The normal event, then an unsolicited event with these names and the outcome true
    /// ([`Step::Subscribe`]).
    ForeignChannels(Vec<String>),
    /// The history precedes the event that confirms the subscription ([`Step::Subscribe`]).
    MessagesFirst,
}

#[derive(Clone, Debug)]
struct Active {
    step: Step,
    fault: Fault,
    /// How many more times it happens; `None` is always.
    left: Option<u32>,
}

/// The faults that are on. Spec: chat.md 12.
///
/// Several may be on at one step. Of those that replace the response, the first one switched on
/// happens; those that only change the response happen together.
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

    /// Switches `fault` on at `step` until it is switched off.
    pub fn on(&mut self, step: Step, fault: Fault) -> &mut Self {
        self.active.push(Active {
            step,
            fault,
            left: None,
        });
        self
    }

    /// Switches `fault` on at `step` for the next `times` times.
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

    /// Switches all faults at `step` off.
    pub fn off(&mut self, step: Step) -> &mut Self {
        self.active.retain(|active| active.step != step);
        self
    }

    /// Switches `fault` at `step` off. Returns whether it was on.
    pub fn off_fault(&mut self, step: Step, fault: &Fault) -> bool {
        let before = self.active.len();
        self.active
            .retain(|active| active.step != step || active.fault != *fault);
        self.active.len() < before
    }

    /// The faults that are on, in the order in which they were switched on, with the number of
    /// times left; `None` is always.
    pub fn active(&self) -> impl Iterator<Item = (Step, &Fault, Option<u32>)> {
        self.active
            .iter()
            .map(|active| (active.step, &active.fault, active.left))
    }

    /// Switches all faults off.
    pub fn clear(&mut self) {
        self.active.clear();
    }

    /// Whether all faults are off.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// Takes the first fault at `step` that the caller handles. It has then happened once.
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

    /// Whether `fault` is on at `step`. If so, it has then happened once.
    pub(crate) fn happens(&mut self, step: Step, fault: &Fault) -> bool {
        self.take(step, |active| active == fault).is_some()
    }
}

impl Fault {
    /// Whether this fault replaces the response.
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

    /// Whether this fault happens after the normal response.
    pub(crate) const fn follows(&self) -> bool {
        matches!(self, Self::CloseAfter | Self::DisconnectAfter { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Faults};
    use crate::steps::Step;

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
