//! The typed parameters of each operation. Spec: chat.md 1.3, 3.

use chat_core::codes::{parameter as p, property};
use photon_proto::peer::SubProtocol;
use photon_proto::{Array, Parameters, Text, Value};

/// A parameter that is missing or has the wrong type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wrong(pub(crate) u8);

/// A received request, for its response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) code: u8,
    /// A response is encrypted if its request was. Spec: chat.md 12, common.
    pub(crate) encrypted: bool,
}

/// Operation 230. Spec: chat.md 2.4, 2.9.
#[derive(Clone, Debug, Default)]
pub(crate) struct Login {
    pub(crate) app_id: Option<Text>,
    pub(crate) app_version: Option<Text>,
    pub(crate) region: Option<Text>,
    pub(crate) user_id: Option<Text>,
    pub(crate) auth_type: Option<u8>,
    pub(crate) auth_parameters: Option<Text>,
    pub(crate) auth_data: Option<Value>,
    pub(crate) token: Option<Value>,
    /// The number of private messages to replay; `None` for all.
    pub(crate) private_history: Option<i32>,
}

/// Operation 0. Spec: chat.md 3.1.
#[derive(Clone, Debug)]
pub(crate) struct Subscribe {
    pub(crate) channels: Vec<Text>,
    pub(crate) history_length: i32,
    /// As many as channels, if present.
    pub(crate) last_ids: Option<Vec<i32>>,
    pub(crate) properties: Vec<(Value, Value)>,
}

/// Operation 2. Spec: chat.md 3.3.
#[derive(Clone, Debug)]
pub(crate) struct Publish {
    pub(crate) channel: Text,
    pub(crate) content: Value,
}

/// Operation 3. Spec: chat.md 3.4.
#[derive(Clone, Debug)]
pub(crate) struct SendPrivate {
    pub(crate) target: Text,
    pub(crate) content: Value,
}

/// Operation 5. Spec: chat.md 3.6.
#[derive(Clone, Debug)]
pub(crate) struct UpdateStatus {
    pub(crate) status: i32,
    /// The new message, or null for no message; `None` keeps the old one.
    pub(crate) message: Option<Value>,
}

/// Operation 8. Spec: chat.md 3.8.
#[derive(Clone, Debug)]
pub(crate) struct SetProperties {
    pub(crate) channel: Text,
    /// The user whose properties in the channel change; `None` for the channel's own.
    pub(crate) user: Option<Text>,
    pub(crate) changes: Vec<(Value, Value)>,
    pub(crate) expected: Vec<(Value, Value)>,
    pub(crate) broadcast: bool,
}

/// The parameters of one request. Each is taken out once; null counts as absent.
pub(crate) struct Fields {
    parameters: Parameters,
    max_string_bytes: usize,
    /// Whether they came from JSON, where every key is text.
    text_keys: bool,
}

impl Fields {
    pub(crate) const fn new(parameters: Parameters) -> Self {
        Self {
            parameters,
            max_string_bytes: MAX_STRING_BYTES,
            text_keys: false,
        }
    }

    /// Limits the length of texts.
    pub(crate) fn limited(self, max_string_bytes: usize) -> Self {
        Self {
            max_string_bytes: max_string_bytes.min(MAX_STRING_BYTES),
            ..self
        }
    }

    /// Sets the serialization that the parameters came in.
    pub(crate) fn written_in(self, subprotocol: Option<SubProtocol>) -> Self {
        Self {
            text_keys: subprotocol.is_some_and(SubProtocol::is_text),
            ..self
        }
    }

    fn value(&mut self, key: u8) -> Option<Value> {
        let at = self
            .parameters
            .iter()
            .position(|(known, _)| *known == key)?;
        Some(self.parameters.swap_remove(at).1).filter(|value| *value != Value::Null)
    }

    fn typed<T>(
        &mut self,
        key: u8,
        convert: impl FnOnce(Value) -> Option<T>,
    ) -> Result<Option<T>, Wrong> {
        match self.value(key) {
            Some(value) => convert(value).map(Some).ok_or(Wrong(key)),
            None => Ok(None),
        }
    }

    pub(crate) fn text(&mut self, key: u8) -> Result<Option<Text>, Wrong> {
        let most = self.max_string_bytes;
        self.typed(key, |value| {
            Text::try_from(value).ok().filter(|text| text.len() <= most)
        })
    }

    pub(crate) fn int(&mut self, key: u8) -> Result<Option<i32>, Wrong> {
        self.typed(key, |value| int(&value))
    }

    /// A flag; false if absent.
    fn bool(&mut self, key: u8) -> Result<bool, Wrong> {
        let flag = self.typed(key, |value| match value {
            Value::Bool(flag) => Some(flag),
            _ => None,
        })?;
        Ok(flag.unwrap_or_default())
    }

    pub(crate) fn texts(&mut self, key: u8) -> Result<Vec<Text>, Wrong> {
        let most = self.max_string_bytes;
        self.typed(key, |value| match value {
            Value::Array(Array::String(all)) => Some(all),
            Value::Array(Array::Object(all)) => all
                .into_iter()
                .map(|one| Text::try_from(one).ok())
                .collect(),
            _ => None,
        })?
        .filter(|all: &Vec<Text>| {
            all.len() <= MAX_COUNT && all.iter().all(|text| text.len() <= most)
        })
        // Each is kept for as long as its channel or friend, and must not keep the others of the list.
        .map(|all| all.iter().map(Text::detached).collect())
        .ok_or(Wrong(key))
    }

    fn ints(&mut self, key: u8) -> Result<Option<Vec<i32>>, Wrong> {
        self.typed(key, |value| match value {
            Value::Array(Array::Int(all)) => Some(all),
            Value::Array(Array::Object(all)) => all.iter().map(int).collect(),
            _ => None,
        })
    }

    /// Properties: a Dictionary or Hashtable. Spec: chat.md 12, subscribe.
    pub(crate) fn map(&mut self, key: u8) -> Result<Vec<(Value, Value)>, Wrong> {
        let map = self.typed(key, |value| match value {
            Value::Dictionary(map) => Some(map.pairs),
            Value::Hashtable(map) => Some(map.0),
            _ => None,
        })?;
        let mut map = map.unwrap_or_default();
        if self.text_keys {
            map.iter_mut().for_each(|(key, _)| known_key(key));
        }
        Ok(map)
    }

    pub(crate) fn login(mut self) -> Result<Login, Wrong> {
        Ok(Login {
            app_id: self.text(p::APPLICATION_ID)?,
            app_version: self.text(p::APP_VERSION)?,
            region: self.text(p::REGION)?,
            user_id: self.text(p::USER_ID)?,
            auth_type: self.typed(p::AUTH_TYPE, |value| {
                int(&value).and_then(|kind| u8::try_from(kind).ok())
            })?,
            auth_parameters: self.text(p::AUTH_PARAMETERS)?,
            auth_data: self.value(p::AUTH_DATA),
            token: self.value(p::SECRET),
            private_history: self.int(p::HISTORY_LENGTH)?,
        })
    }

    pub(crate) fn subscribe(mut self) -> Result<Subscribe, Wrong> {
        let channels = self.texts(p::CHANNELS)?;
        let last_ids = self.ints(p::MESSAGE_IDS)?;
        if last_ids
            .as_ref()
            .is_some_and(|ids| ids.len() != channels.len())
        {
            return Err(Wrong(p::MESSAGE_IDS));
        }
        Ok(Subscribe {
            channels,
            history_length: self.int(p::HISTORY_LENGTH)?.unwrap_or_default(),
            last_ids,
            properties: self.map(p::PROPERTIES)?,
        })
    }

    pub(crate) fn publish(mut self) -> Result<Publish, Wrong> {
        let channel = self.text(p::CHANNEL)?.ok_or(Wrong(p::CHANNEL))?;
        Ok(Publish {
            channel,
            content: self.value(p::MESSAGE).unwrap_or(Value::Null),
        })
    }

    pub(crate) fn update_status(mut self) -> Result<UpdateStatus, Wrong> {
        let status = self.int(p::STATUS)?.ok_or(Wrong(p::STATUS))?;
        let keep = self.bool(p::SKIP_MESSAGE)?;
        let message = self.value(p::MESSAGE).unwrap_or(Value::Null);
        Ok(UpdateStatus {
            status,
            message: (!keep).then_some(message),
        })
    }

    pub(crate) fn set_properties(mut self) -> Result<SetProperties, Wrong> {
        let request = SetProperties {
            channel: self.text(p::CHANNEL)?.ok_or(Wrong(p::CHANNEL))?,
            user: self.text(p::USER_ID)?,
            changes: self.map(p::PROPERTIES)?,
            expected: self.map(p::EXPECTED_VALUES)?,
            broadcast: self.bool(p::BROADCAST)?,
        };
        if request.changes.is_empty() {
            Err(Wrong(p::PROPERTIES))
        } else {
            Ok(request)
        }
    }

    pub(crate) fn send_private(mut self) -> Result<SendPrivate, Wrong> {
        let target = self
            .text(p::USER_ID)?
            .filter(|id| !id.is_empty())
            .ok_or(Wrong(p::USER_ID))?;
        Ok(SendPrivate {
            target,
            content: self.value(p::MESSAGE).unwrap_or(Value::Null),
        })
    }
}

/// Converts the keys of well-known properties to bytes: JSON has text keys only. Spec: chat.md 1.6.
fn known_key(key: &mut Value) {
    let known = key.as_str().and_then(|text| text.parse().ok());
    if let Some(known @ (property::MAX_SUBSCRIBERS | property::PUBLISH_SUBSCRIBERS)) = known {
        *key = Value::Byte(known);
    }
}

/// The most elements that every protocol can encode. A decoder of 1.8 accepts more, but 1.6 clients
/// could not receive them. Spec: wire.md 4.4.
const MAX_COUNT: usize = 32_767;
/// The longest text, for the same reason.
pub(crate) const MAX_STRING_BYTES: usize = 32_767;

/// Accepts whole numbers of every width as an int: some clients send shorter ones.
pub(crate) fn int(value: &Value) -> Option<i32> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Short(number) => Some(i32::from(*number)),
        Value::Byte(number) => Some(i32::from(*number)),
        Value::Long(number) => i32::try_from(*number).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[&str]) -> Value {
        Value::from(all.iter().map(|text| Text::from(*text)).collect::<Vec<_>>())
    }

    #[test]
    fn subscribe_accepts_the_forms_that_clients_send_and_no_others() {
        let request = |parameters: Vec<(u8, Value)>| Fields::new(parameters).subscribe();
        let plain = request(vec![(0, texts(&["a", "b"]))]).unwrap();
        assert_eq!(plain.channels, ["a", "b"]);
        assert_eq!((plain.history_length, plain.last_ids), (0, None));
        let mixed = Value::from(vec![Value::from("a")]);
        let full = request(vec![
            (0, mixed),
            (14, Value::Int(-1)),
            (9, Value::from(vec![7])),
        ])
        .unwrap();
        assert_eq!((full.history_length, full.last_ids), (-1, Some(vec![7])));
        assert_eq!(
            request(vec![(0, texts(&["a", "b"])), (9, Value::from(vec![7]))]).unwrap_err(),
            Wrong(9)
        );
        assert_eq!(
            request(vec![(0, texts(&["a"])), (14, "5".into())]).unwrap_err(),
            Wrong(14)
        );
        assert_eq!(request(vec![(0, "a".into())]).unwrap_err(), Wrong(0));
        assert_eq!(request(vec![]).unwrap_err(), Wrong(0));
    }

    #[test]
    fn null_content_is_content() {
        let publish = Fields::new(vec![(1, "c".into()), (3, Value::Null)])
            .publish()
            .unwrap();
        assert_eq!(publish.content, Value::Null);
        assert_eq!(
            Fields::new(vec![(3, Value::Null)]).publish().unwrap_err(),
            Wrong(1)
        );
        assert_eq!(
            Fields::new(vec![(225, "".into())])
                .send_private()
                .unwrap_err(),
            Wrong(225)
        );
    }
}
