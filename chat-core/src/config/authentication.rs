//! Credentials of a login.

use crate::codes::auth_type;
use crate::secret::Secret;
use alloc::vec::Vec;
use bytes::Bytes;
use photon_proto::{Hashtable, Text, Value};

/// The credentials of a login. `Debug` prints them as `***`.
///
/// ```
/// use chat_core::{AuthValues, codes::auth_type};
///
/// let own_service = AuthValues::new("user=alice&pass=secret");
/// let steam = AuthValues::new("ticket=0a1b").auth_type(auth_type::STEAM);
/// # let _ = (own_service, steam);
/// ```
///
/// A builder with private fields, so that it may grow. Spec: chat.md 1.8, 2.4 and 7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthValues {
    pub(crate) auth_type: u8,
    pub(crate) parameters: Secret<Option<Text>>,
    pub(crate) data: Secret<Option<AuthData>>,
}

/// Data for the authentication service, in addition to the parameters.
///
/// May grow: Photon can serialize other types as well. Spec: chat.md 1.3, parameter 214.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthData {
    /// Text.
    Text(Text),
    /// Bytes.
    Bytes(Bytes),
    /// A string-keyed map.
    Map(Hashtable),
}

impl core::fmt::Debug for AuthData {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("***")
    }
}

impl AuthData {
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.clone()),
            Self::Bytes(bytes) => Value::Bytes(bytes.clone()),
            Self::Map(map) => Value::Hashtable(map.clone()),
        }
    }
}

impl From<&str> for AuthData {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Text> for AuthData {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<Bytes> for AuthData {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<u8>> for AuthData {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<Hashtable> for AuthData {
    fn from(map: Hashtable) -> Self {
        Self::Map(map)
    }
}

impl AuthValues {
    /// Makes credentials without custom authentication: the client sends none of its parameters.
    #[must_use]
    pub fn none() -> Self {
        Self {
            auth_type: auth_type::NONE,
            parameters: Secret(None),
            data: Secret(None),
        }
    }

    /// Makes credentials for the application's own authentication service, type 0. `parameters` are
    /// in query-string form (`a=1&b=2`).
    #[must_use]
    pub fn new(parameters: impl Into<Text>) -> Self {
        Self {
            auth_type: auth_type::CUSTOM,
            parameters: Secret(Some(parameters.into())),
            data: Secret(None),
        }
    }

    /// Sets the type, see [`codes::auth_type`](crate::codes::auth_type). 255 turns custom
    /// authentication off.
    #[must_use]
    pub fn auth_type(mut self, auth_type: u8) -> Self {
        self.auth_type = auth_type;
        self
    }

    /// Sets data in addition to the parameters.
    #[must_use]
    pub fn data(mut self, data: impl Into<AuthData>) -> Self {
        self.data = Secret(Some(data.into()));
        self
    }
}

impl Default for AuthValues {
    fn default() -> Self {
        Self::none()
    }
}
