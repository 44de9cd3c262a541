//! [`FaultSpec`]: a fault at a step as text, `authenticate-ns=refuse:32755:go away x2`.

use std::fmt::{self, Display, Formatter};

use chat_core::codes::return_code;

use super::SettingError;
use crate::faults::{Fault, Faults};
use crate::steps::Step;

/// A fault, the step at which it happens, and how often. As text: `STEP=FAULT[:ARG] [xN]`.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultSpec {
    /// The step at which the fault happens.
    pub step: Step,
    /// The fault.
    pub fault: Fault,
    /// How often it happens.
    pub times: Times,
}

/// How often a fault happens. As text: `xN` or `x*`, which may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Times {
    /// Until it is switched off.
    Always,
    /// For the next so many times, at least one.
    Next(u32),
}

/// The disconnect reason of a server that ends a connection on its own account. Spec: udp.md 7.2.
pub(crate) const SERVER_LOGIC: i16 = 1;

/// Names for the CODE of a fault: the reasons of udp.md 7.2, then return codes.
const REASONS: [(&str, i16); 11] = [
    ("server-logic", SERVER_LOGIC),
    ("server-timeout", 2),
    ("user-limit", 3),
    ("unknown", 99),
    ("internal-error", return_code::INTERNAL_SERVER_ERROR),
    ("not-allowed", return_code::NOT_ALLOWED_IN_STATE),
    (
        "invalid-authentication",
        return_code::INVALID_AUTHENTICATION,
    ),
    ("server-full", return_code::SERVER_FULL),
    ("max-ccu", return_code::MAX_CCU_REACHED),
    ("ticket-expired", return_code::AUTHENTICATION_TICKET_EXPIRED),
    ("operation-limit", return_code::OPERATION_LIMIT_REACHED),
];

/// The names of codes. Only the numbers are sent.
pub(crate) fn reasons() -> impl Iterator<Item = (&'static str, i16)> {
    REASONS.into_iter()
}

/// Parses a code: a number, or a name of [`reasons`].
pub(crate) fn parse_reason(text: &str) -> Option<i16> {
    let named = REASONS.iter().find(|(name, _)| *name == text);
    named
        .map(|(_, code)| *code)
        .or_else(|| text.parse::<i16>().ok())
}

/// How a fault is made from its argument.
enum Make {
    /// There is no argument.
    Plain(Fault),
    /// `CODE[:TEXT]`.
    Reason(fn(i16, String) -> Fault),
    /// Any text.
    Text(fn(String) -> Fault),
    /// Names between commas.
    Names(fn(Vec<String>) -> Fault),
}

/// The form of each fault. Its name ends at the first colon.
const FAULTS: [(&str, Make); 25] = [
    ("silent", Make::Plain(Fault::Silent)),
    ("mute", Make::Plain(Fault::Mute)),
    ("close", Make::Plain(Fault::Close)),
    ("close-after", Make::Plain(Fault::CloseAfter)),
    ("bad-frame", Make::Plain(Fault::BadFrame)),
    ("undecodable", Make::Plain(Fault::Undecodable)),
    ("wrong-types", Make::Plain(Fault::WrongTypes)),
    ("empty-key", Make::Plain(Fault::EmptyKey)),
    ("degenerate-key", Make::Plain(Fault::DegenerateKey)),
    ("wrong-lengths", Make::Plain(Fault::WrongLengths)),
    ("expired-token", Make::Plain(Fault::ExpiredToken)),
    ("bytes-token", Make::Plain(Fault::BytesToken)),
    ("no-token", Make::Plain(Fault::OmitToken)),
    ("no-address", Make::Plain(Fault::OmitAddress)),
    ("no-event", Make::Plain(Fault::NoEvent)),
    ("duplicate", Make::Plain(Fault::Duplicate)),
    ("split", Make::Plain(Fault::Split)),
    ("deny", Make::Plain(Fault::Deny)),
    ("messages-first", Make::Plain(Fault::MessagesFirst)),
    (
        "refuse:CODE[:TEXT]",
        Make::Reason(|code, text| Fault::Refuse { code, text }),
    ),
    (
        "disconnect:CODE[:TEXT]",
        Make::Reason(|code, text| Fault::Disconnect { code, text }),
    ),
    (
        "disconnect-after:CODE[:TEXT]",
        Make::Reason(|code, text| Fault::DisconnectAfter { code, text }),
    ),
    ("address:TEXT", Make::Text(Fault::Address)),
    ("user-id:ID", Make::Text(Fault::UserId)),
    (
        "foreign:CHANNEL[,CHANNEL]",
        Make::Names(Fault::ForeignChannels),
    ),
];

/// The name in the form of a fault.
fn name_in(form: &'static str) -> &'static str {
    form.split_once(':').map_or(form, |(name, _)| name)
}

pub(super) fn step_names() -> impl Iterator<Item = &'static str> {
    Step::all().map(|(name, _)| name)
}

pub(super) fn fault_forms() -> impl Iterator<Item = &'static str> {
    FAULTS.iter().map(|(form, _)| *form)
}

/// The step of this name.
pub(super) fn step(name: &str) -> Option<Step> {
    let known = Step::all().find(|(known, _)| *known == name);
    known.map(|(_, step)| step)
}

impl Times {
    /// Separates the number of times from the end of a text: `a b x2` is `a b` and `x2`.
    pub(super) fn split(text: &str) -> Result<(&str, Option<Self>), SettingError> {
        let Some((rest, word)) = text.rsplit_once(char::is_whitespace) else {
            return Ok((text, None));
        };
        let Some(count) = word.strip_prefix('x').filter(|count| is_count(count)) else {
            return Ok((text, None));
        };
        let times = match count {
            "*" => Self::Always,
            count => match count.parse() {
                Ok(count) if count > 0 => Self::Next(count),
                _ => return Err(SettingError::Times(word.to_owned())),
            },
        };
        Ok((rest.trim_end(), Some(times)))
    }
}

impl Display for Times {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => out.write_str("x*"),
            Self::Next(times) => write!(out, "x{times}"),
        }
    }
}

/// Whether the text after `x` is meant as a number of times, be it too large.
fn is_count(text: &str) -> bool {
    text == "*" || !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl FaultSpec {
    /// Parses the text after `STEP=`.
    pub(super) fn parse(step: Step, text: &str) -> Result<Self, SettingError> {
        let (text, times) = Times::split(text)?;
        Ok(Self {
            step,
            fault: parse_fault(text)?,
            times: times.unwrap_or(Times::Always),
        })
    }

    pub(super) fn switch_on(&self, faults: &mut Faults) {
        match self.times {
            Times::Always => faults.on(self.step, self.fault.clone()),
            Times::Next(times) => faults.times(self.step, self.fault.clone(), times),
        };
    }
}

fn parse_fault(text: &str) -> Result<Fault, SettingError> {
    let (name, argument) = match text.split_once(':') {
        Some((name, argument)) => (name, Some(argument)),
        None => (text, None),
    };
    let known = FAULTS.iter().find(|(form, _)| name_in(form) == name);
    let Some((form, make)) = known else {
        return Err(SettingError::Fault(text.to_owned()));
    };
    let fault = match (make, argument) {
        (Make::Plain(fault), None) => Some(fault.clone()),
        (Make::Reason(make), Some(argument)) => {
            let (code, text) = argument.split_once(':').unwrap_or((argument, ""));
            parse_reason(code).map(|code| make(code, text.to_owned()))
        }
        (Make::Text(make), Some(argument)) => Some(make(argument.to_owned())),
        (Make::Names(make), Some(argument)) => Some(make(
            argument
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect(),
        )),
        _ => None,
    };
    fault.ok_or(SettingError::Argument {
        name: name_in(form),
        form,
    })
}

impl Display for FaultSpec {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let step = Step::all().find(|(_, step)| *step == self.step);
        debug_assert!(step.is_some(), "{:?} has no name", self.step);
        let step = step.map_or("?", |(name, _)| name);
        let fault = print_fault(&self.fault);
        write!(out, "{step}={fault}")?;
        // `x*` is printed only where the end of an argument could be taken for a number of times.
        let is_plain = matches!(Times::split(&fault), Ok((_, None)));
        if self.times == Times::Always && is_plain {
            return Ok(());
        }
        write!(out, " {}", self.times)
    }
}

fn print_fault(fault: &Fault) -> String {
    let reason = |name: &str, code: i16, text: &str| match text {
        "" => format!("{name}:{code}"),
        text => format!("{name}:{code}:{text}"),
    };
    match fault {
        Fault::Refuse { code, text } => reason("refuse", *code, text),
        Fault::Disconnect { code, text } => reason("disconnect", *code, text),
        Fault::DisconnectAfter { code, text } => reason("disconnect-after", *code, text),
        Fault::Address(address) => format!("address:{address}"),
        Fault::UserId(id) => format!("user-id:{id}"),
        Fault::ForeignChannels(names) => format!("foreign:{}", names.join(",")),
        plain => {
            let known = FAULTS
                .iter()
                .find(|(_, make)| matches!(make, Make::Plain(known) if known == plain));
            debug_assert!(known.is_some(), "{plain:?} has no name");
            known.map_or("?", |(form, _)| form).to_owned()
        }
    }
}
