//! The table that replaces a custom authentication provider: [`AuthRule`]. Spec: chat.md 9 (custom
//! authentication).

use photon_proto::Value;

use crate::requests::Login;

/// One rule of the table that replaces a custom authentication provider.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AuthRule {
    /// The authentication type that the rule applies to (p217); `None` matches every type.
    pub auth_type: Option<u8>,
    /// The user id that the client must send (p225); `None` matches all.
    pub user_id: Option<String>,
    /// Parameters that the query string (p216) must contain, decoded.
    pub parameters: Vec<(String, String)>,
    /// The authentication data that the client must send (p214), text as its bytes; `None` matches
    /// all.
    pub data: Option<Vec<u8>>,
    /// The response of the provider.
    pub result: AuthResult,
}

/// The response of a custom authentication provider.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AuthResult {
    /// The user is accepted.
    Accept {
        /// The user id that the provider chooses; it overrides the client's.
        user_id: Option<String>,
        /// The nickname (p202).
        nickname: Option<String>,
        /// Extra data for the client (p245).
        data: Vec<(String, Value)>,
    },
    /// The user is refused.
    Refuse {
        /// Return code; real servers answer 32755.
        code: i16,
        /// The server's text; an empty one stays empty.
        text: String,
    },
}

impl AuthRule {
    /// Creates a rule that matches every request for custom authentication.
    #[must_use]
    pub const fn any(result: AuthResult) -> Self {
        Self {
            auth_type: None,
            user_id: None,
            parameters: Vec::new(),
            data: None,
            result,
        }
    }

    /// Restricts the rule to requests whose query string contains this parameter.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn fits(&self, login: &Login, auth_type: u8) -> bool {
        let sent = login
            .auth_parameters
            .as_deref()
            .map_or_else(Vec::new, query);
        let data = match &login.auth_data {
            Some(Value::String(text)) => Some(text.as_bytes()),
            Some(Value::Bytes(bytes)) => Some(&**bytes),
            _ => None,
        };
        self.auth_type.is_none_or(|wanted| wanted == auth_type)
            && self
                .user_id
                .as_deref()
                .is_none_or(|wanted| login.user_id.as_deref() == Some(wanted))
            && self.parameters.iter().all(|wanted| sent.contains(wanted))
            && self
                .data
                .as_deref()
                .is_none_or(|wanted| data == Some(wanted))
    }
}

impl AuthResult {
    /// The user is accepted under the id that it requested.
    #[must_use]
    pub const fn accept() -> Self {
        Self::Accept {
            user_id: None,
            nickname: None,
            data: Vec::new(),
        }
    }
}

/// Parses the pairs of a query string and decodes them.
pub(crate) fn query(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decoded(name, true), percent_decoded(value, true))
        })
        .collect()
}

/// Decodes percent-encoded text; in a query a plus is a space.
pub(crate) fn percent_decoded(text: &str, is_query: bool) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let escaped = || {
            let digits = std::str::from_utf8(tail.get(..2)?)
                .ok()
                .filter(|digits| !digits.starts_with('+'))?;
            u8::from_str_radix(digits, 16).ok()
        };
        match (byte, escaped()) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                rest = tail.get(2..).unwrap_or_default();
            }
            (b'+', _) if is_query => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_strings_are_decoded_and_never_fail() {
        let pairs = query("a=1&&b&c=%41%zz%+%C3%A9=%");
        let expected = [("a", "1"), ("b", ""), ("c", "A%zz% é=%")];
        assert_eq!(
            pairs,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
