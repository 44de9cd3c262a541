//! Values after a round trip through JSON. Spec: wire.md 7.2; `photon_proto::json` has tests of its
//! own.

use super::{Line, Row, Seen};
use photon_proto::json::{self, Frame, Reader};
use photon_proto::message::{Message, MessageWriter};
use photon_proto::{Limits, Protocol, Role, Value};

const LIMITS: Limits = Limits::DEFAULT;

/// Parameters of a request after a round trip through JSON, sorted by key.
#[track_caller]
pub(super) fn sorted(all: &[(u8, Value)]) -> Vec<(u8, Value)> {
    let mut all = parameters(all);
    all.sort_by_key(|(key, _)| *key);
    all
}

#[track_caller]
fn parameters(parameters: &[(u8, Value)]) -> Vec<(u8, Value)> {
    let mut message = Vec::new();
    let mut writer = MessageWriter::request(&mut message, Protocol::V18, &LIMITS, 0).expect("fits");
    for (key, value) in parameters {
        writer.put(*key, value).expect("fits");
    }
    writer.finish().expect("fits");
    let (mut text, mut back) = (Vec::new(), Vec::new());
    json::encode_message(&mut text, &LIMITS, &message).expect("JSON can express it");
    let mut reader = Reader::new(Role::Server, &LIMITS, &text).expect("text");
    assert!(matches!(
        reader.next(&mut back),
        Ok(Some(Frame::Message(_)))
    ));
    let header = photon_proto::message::Header::decode(&back).expect("a header");
    match Message::decode(header.kind, Protocol::V18, &LIMITS, &back[2..]).expect("a valid message")
    {
        Message::Request { mut params, .. } => super::server::all_parameters(&mut params),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn value(value: &Value) -> Value {
    let mut all = parameters(&[(0, value.clone())]);
    all.pop().expect("one parameter").1
}

/// Keys become text.
fn pairs(all: &[(Value, Value)]) -> Vec<(Value, Value)> {
    let table = photon_proto::Hashtable(all.to_vec());
    match value(&Value::Hashtable(table)) {
        Value::Hashtable(photon_proto::Hashtable(all)) => all,
        other => panic!("{other:?}"),
    }
}

impl Row {
    /// A message as a client of this row reports it.
    #[track_caller]
    pub(crate) fn reported(&self, line: &Line) -> Line {
        let content = if self.json {
            value(&line.content)
        } else {
            line.content.clone()
        };
        Line {
            content,
            ..line.clone()
        }
    }
}

impl Seen {
    /// The event as a JSON client reports it.
    #[track_caller]
    pub(super) fn in_json(&self) -> Self {
        let mut seen = self.clone();
        match &mut seen {
            Self::Authenticated { data, .. } | Self::ErrorInfo { data, .. } => {
                *data = data.as_ref().map(value)
            }
            Self::Messages { lines, .. } => lines
                .iter_mut()
                .for_each(|line| line.content = value(&line.content)),
            Self::Private { line, .. } => line.content = value(&line.content),
            Self::Status {
                message: chat_core::StatusChange::Set(message),
                ..
            } => **message = value(message),
            Self::Entered { properties, .. }
            | Self::Left { properties, .. }
            | Self::Properties { properties, .. } => {
                *properties = pairs(properties);
            }
            Self::Response {
                parameters: all, ..
            }
            | Self::Other {
                parameters: all, ..
            } => *all = parameters(all),
            _ => {}
        }
        seen
    }
}
