//! Faults as text, for command lines and scripts: `authenticate-ns=refuse:32755:go away`.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use crate::config::ServerConfig;
use crate::connections::ServerKind;
use crate::faults::{Fault, Step};

/// A fault and the step at which it happens, as written `STEP=FAULT` or `STEP=FAULT:ARGUMENT`.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultSpec {
    /// When.
    pub step: Step,
    /// What.
    pub fault: Fault,
}

/// Text that is no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultSpecError {
    /// Not of the form `STEP=FAULT`.
    #[error("a fault is written STEP=FAULT, e.g. publish=silent")]
    Form,
    /// No step has this name.
    #[error("there is no step {0:?}: write one of {names}", names = FaultSpec::step_names().collect::<Vec<_>>().join(" "))]
    Step(String),
    /// No fault has this name.
    #[error("there is no fault {0:?}: write one of {names}", names = FaultSpec::fault_forms().collect::<Vec<_>>().join(" "))]
    Fault(String),
    /// No short name of a fault is this.
    #[error(
        "there is no fault called {0:?}: write STEP=FAULT or one of {names}",
        names = ServerConfig::fault_names().collect::<Vec<_>>().join(", ")
    )]
    Name(String),
    /// The short name of a fault takes another argument.
    #[error("write {0}")]
    ShortForm(&'static str),
    /// `delay` with a number of times.
    #[error("a delay cannot be counted: write it without a number of times")]
    Uncounted,
    /// The fault needs an argument, or another one.
    #[error("the fault {0:?} is written {1}")]
    Argument(&'static str, &'static str),
}

const STEPS: [(&str, Step); 19] = [
    ("accept-ns", Step::Accept(ServerKind::NameServer)),
    ("accept-fe", Step::Accept(ServerKind::FrontEnd)),
    ("init-ns", Step::Init(ServerKind::NameServer)),
    ("init-fe", Step::Init(ServerKind::FrontEnd)),
    ("key-exchange-ns", Step::KeyExchange(ServerKind::NameServer)),
    ("key-exchange-fe", Step::KeyExchange(ServerKind::FrontEnd)),
    ("ping-ns", Step::Ping(ServerKind::NameServer)),
    ("ping-fe", Step::Ping(ServerKind::FrontEnd)),
    ("regions", Step::GetRegions),
    (
        "authenticate-ns",
        Step::Authenticate(ServerKind::NameServer),
    ),
    ("authenticate-fe", Step::Authenticate(ServerKind::FrontEnd)),
    ("subscribe", Step::Subscribe),
    ("unsubscribe", Step::Unsubscribe),
    ("publish", Step::Publish),
    ("private", Step::SendPrivate),
    ("status", Step::UpdateStatus),
    ("add-friends", Step::AddFriends),
    ("remove-friends", Step::RemoveFriends),
    ("properties", Step::SetProperties),
];

/// Faults without an argument.
const PLAIN: [(&str, Fault); 19] = [
    ("silent", Fault::Silent),
    ("mute", Fault::Mute),
    ("close", Fault::Close),
    ("close-after", Fault::CloseAfter),
    ("bad-frame", Fault::BadFrame),
    ("undecodable", Fault::Undecodable),
    ("wrong-types", Fault::WrongTypes),
    ("empty-key", Fault::EmptyKey),
    ("degenerate-key", Fault::DegenerateKey),
    ("wrong-lengths", Fault::WrongLengths),
    ("expired-token", Fault::ExpiredToken),
    ("bytes-token", Fault::BytesToken),
    ("no-token", Fault::OmitToken),
    ("no-address", Fault::OmitAddress),
    ("no-event", Fault::NoEvent),
    ("duplicate", Fault::Duplicate),
    ("split", Fault::Split),
    ("deny", Fault::Deny),
    ("messages-first", Fault::MessagesFirst),
];

impl FaultSpec {
    /// The names of all steps.
    pub fn step_names() -> impl Iterator<Item = &'static str> {
        STEPS.iter().map(|(name, _)| *name)
    }

    /// The step of this name.
    #[must_use]
    pub fn step(name: &str) -> Option<Step> {
        STEPS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, step)| *step)
    }

    /// How each fault is written.
    pub fn fault_forms() -> impl Iterator<Item = &'static str> {
        let plain = PLAIN.iter().map(|(name, _)| *name);
        plain.chain([
            REFUSE,
            DISCONNECT,
            DISCONNECT_AFTER,
            ADDRESS,
            USER_ID,
            FOREIGN,
        ])
    }
}

const REFUSE: &str = "refuse:CODE[:TEXT]";
const DISCONNECT: &str = "disconnect:CODE[:TEXT]";
const DISCONNECT_AFTER: &str = "disconnect-after:CODE[:TEXT]";
const ADDRESS: &str = "address:TEXT";
const USER_ID: &str = "user-id:ID";
const FOREIGN: &str = "foreign:CHANNEL[,CHANNEL]";

impl Display for FaultSpec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let step = STEPS
            .iter()
            .find(|(_, step)| *step == self.step)
            .map_or("?", |(name, _)| *name);
        write!(f, "{step}=")?;
        let reason = |f: &mut Formatter<'_>, name: &str, code: i16, text: &str| match text {
            "" => write!(f, "{name}:{code}"),
            text => write!(f, "{name}:{code}:{text}"),
        };
        match &self.fault {
            Fault::Refuse { code, text } => reason(f, "refuse", *code, text),
            Fault::Disconnect { code, text } => reason(f, "disconnect", *code, text),
            Fault::DisconnectAfter { code, text } => reason(f, "disconnect-after", *code, text),
            Fault::Address(address) => write!(f, "address:{address}"),
            Fault::UserId(id) => write!(f, "user-id:{id}"),
            Fault::ForeignChannels(names) => write!(f, "foreign:{}", names.join(",")),
            plain => f.write_str(
                PLAIN
                    .iter()
                    .find(|(_, fault)| fault == plain)
                    .map_or("?", |(name, _)| *name),
            ),
        }
    }
}

impl FromStr for FaultSpec {
    type Err = FaultSpecError;

    fn from_str(text: &str) -> Result<Self, FaultSpecError> {
        let (step, fault) = text.split_once('=').ok_or(FaultSpecError::Form)?;
        let step = Self::step(step).ok_or_else(|| FaultSpecError::Step(step.to_owned()))?;
        Ok(Self {
            step,
            fault: parse(fault)?,
        })
    }
}

fn parse(text: &str) -> Result<Fault, FaultSpecError> {
    let (name, argument) = match text.split_once(':') {
        Some((name, argument)) => (name, Some(argument)),
        None => (text, None),
    };
    let need = |name, form| argument.ok_or(FaultSpecError::Argument(name, form));
    let reason = |name, form| {
        let argument = need(name, form)?;
        let (code, text) = argument.split_once(':').unwrap_or((argument, ""));
        let code = code
            .parse::<i16>()
            .map_err(|_| FaultSpecError::Argument(name, form))?;
        Ok((code, text.to_owned()))
    };
    Ok(match name {
        "refuse" => reason("refuse", REFUSE).map(|(code, text)| Fault::Refuse { code, text })?,
        "disconnect" => {
            reason("disconnect", DISCONNECT).map(|(code, text)| Fault::Disconnect { code, text })?
        }
        "disconnect-after" => reason("disconnect-after", DISCONNECT_AFTER)
            .map(|(code, text)| Fault::DisconnectAfter { code, text })?,
        "address" => Fault::Address(need("address", ADDRESS)?.to_owned()),
        "user-id" => Fault::UserId(need("user-id", USER_ID)?.to_owned()),
        "foreign" => Fault::ForeignChannels(
            need("foreign", FOREIGN)?
                .split(',')
                .map(str::to_owned)
                .collect(),
        ),
        name => {
            let plain = PLAIN
                .iter()
                .find(|(known, _)| *known == name && argument.is_none());
            plain
                .map(|(_, fault)| fault.clone())
                .ok_or_else(|| FaultSpecError::Fault(text.to_owned()))?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_and_form_is_read() {
        for step in FaultSpec::step_names() {
            for form in FaultSpec::fault_forms() {
                let fault = form.replace("CODE", "-3").replace(['[', ']'], "");
                let written = format!("{step}={fault}");
                let spec = written.parse::<FaultSpec>().unwrap();
                assert_eq!(spec.to_string(), written);
            }
        }
        let spec: FaultSpec = "authenticate-ns=refuse:32755:go: away".parse().unwrap();
        assert_eq!(spec.step, Step::Authenticate(ServerKind::NameServer));
        assert_eq!(
            spec.fault,
            Fault::Refuse {
                code: 32755,
                text: "go: away".to_owned()
            }
        );
        let spec: FaultSpec = "subscribe=foreign:a,b".parse().unwrap();
        assert_eq!(
            spec.fault,
            Fault::ForeignChannels(vec!["a".to_owned(), "b".to_owned()])
        );
    }

    #[test]
    fn anything_else_says_what_is_wrong() {
        let error = |text: &str| text.parse::<FaultSpec>().unwrap_err();
        assert_eq!(error("publish"), FaultSpecError::Form);
        assert_eq!(
            error("publsh=silent"),
            FaultSpecError::Step("publsh".to_owned())
        );
        assert_eq!(
            error("publish=silently"),
            FaultSpecError::Fault("silently".to_owned())
        );
        assert_eq!(
            error("publish=silent:1"),
            FaultSpecError::Fault("silent:1".to_owned())
        );
        assert_eq!(
            error("publish=refuse"),
            FaultSpecError::Argument("refuse", REFUSE)
        );
        assert_eq!(
            error("publish=refuse:x"),
            FaultSpecError::Argument("refuse", REFUSE)
        );
    }
}
