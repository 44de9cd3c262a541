//! Log lines about connections and operations. Names and numbers are at `info` and `debug`; texts,
//! ids of users and parameters only at `trace`, and credentials never.

use std::fmt::{self, Display, Formatter};

use chat_core::codes::{event, operation, parameter as p, return_code};
use photon_proto::Value;
use photon_proto::peer::Wire;

/// The transport of a link.
pub(crate) struct WireName(pub(crate) Wire);

impl Display for WireName {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Wire::WebSocket { secure, protocol } => {
                let scheme = if secure { "wss" } else { "ws" };
                write!(out, "{scheme} in {}", protocol.name())
            }
            Wire::Stream => out.write_str("TCP"),
            _ => out.write_str("UDP"),
        }
    }
}

/// An operation with its name, if it has one.
pub(crate) struct Operation(pub(crate) u8);

impl Display for Operation {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        named(out, "operation", self.0.into(), operation::name(self.0))
    }
}

/// An event with its name, if it has one.
pub(crate) struct EventCode(pub(crate) u8);

impl Display for EventCode {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        named(out, "event", self.0.into(), event::name(self.0))
    }
}

/// A return code with its name, if it has one.
pub(crate) struct ReturnCode(pub(crate) i16);

impl Display for ReturnCode {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        named(out, "code", self.0.into(), return_code::name(self.0))
    }
}

fn named(out: &mut Formatter<'_>, kind: &str, code: i32, name: Option<&str>) -> fmt::Result {
    match name {
        Some(name) => write!(out, "{name} ({code})"),
        None => write!(out, "{kind} {code}"),
    }
}

/// Parameters for a line at `trace`, without credentials.
pub(crate) struct Shown<'a>(pub(crate) &'a [(u8, Value)]);

/// Parameters that are credentials: custom authentication and tokens. Spec: chat.md 1.3.
const SECRETS: [u8; 3] = [p::AUTH_PARAMETERS, p::AUTH_DATA, p::SECRET];

impl Display for Shown<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for (key, value) in self.0 {
            if SECRETS.contains(key) {
                write!(out, "{before}{key}: ***")?;
            } else {
                match value.as_str() {
                    // Escaped: a text must not look like further lines of the log.
                    Some(text) => write!(out, "{before}{key}: {text:?}")?,
                    None => write!(out, "{before}{key}: {value}")?,
                }
            }
            before = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{EventCode, Operation, ReturnCode, Shown};

    #[test]
    fn lines_name_what_has_a_name_and_hide_credentials() {
        assert_eq!(Operation(2).to_string(), "Publish (2)");
        assert_eq!(Operation(99).to_string(), "operation 99");
        assert_eq!(EventCode(0).to_string(), "ChatMessages (0)");
        assert_eq!(ReturnCode(0).to_string(), "Ok (0)");
        let login = [
            (224, "app".into()),
            (221, "token".into()),
            (214, "x".into()),
            (216, "a=b".into()),
        ];
        assert_eq!(
            Shown(&login).to_string(),
            "224: \"app\", 221: ***, 214: ***, 216: ***"
        );
    }
}
