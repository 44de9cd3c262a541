//! Authentication rules as text, for command lines and files:
//! `type=0 params=user=alice&pass=x result=ok user=alice42 nickname=Al`.

use std::str::FromStr;

use chat_core::codes::return_code;

use crate::auth_rules::{AuthResult, AuthRule, query};

/// The error of parsing an [`AuthRule`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthRuleError {
    /// A word is not of the form `KEY=VALUE`.
    #[error(
        "{0:?} is not of the form KEY=VALUE: write e.g. result=ok, with \"..\" around values that contain spaces"
    )]
    Form(String),
    /// A quotation is not closed.
    #[error("a quotation is not closed: write another \" at its end, and \\\" for one inside")]
    Quote,
    /// The key is unknown.
    #[error(
        "there is no key {0:?}: write type, sent-user, params, data, result, user, nickname, extra.NAME, code or message"
    )]
    Key(String),
    /// The key is given twice.
    #[error("{0} is given twice: write it once")]
    Twice(String),
    /// The `result` is missing.
    #[error("the result is missing: write result=ok or result=refused")]
    NoResult,
    /// The key does not take this value.
    #[error("{key}={value:?} is wrong: write {form}")]
    Value {
        /// The key.
        key: &'static str,
        /// The rejected value.
        value: String,
        /// The allowed values.
        form: &'static str,
    },
    /// The key does not apply to the result.
    #[error("{key} does not go with result={result}: leave it out")]
    Useless {
        /// The key.
        key: String,
        /// The result.
        result: &'static str,
    },
}

/// The error of parsing a table of rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {error}")]
pub struct AuthTableError {
    /// The number of the line, from 1.
    pub line: usize,
    /// The error of that line.
    pub error: AuthRuleError,
}

impl AuthRule {
    /// Parses a table of rules, one on each line. Empty lines and lines that begin with `#` are
    /// skipped.
    ///
    /// # Errors
    /// [`AuthTableError`] for the first line that is not a rule.
    pub fn table(text: &str) -> Result<Vec<Self>, AuthTableError> {
        let lines = text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line.trim()));
        lines
            .filter(|(_, rule)| !rule.is_empty() && !rule.starts_with('#'))
            .map(|(line, rule)| rule.parse().map_err(|error| AuthTableError { line, error }))
            .collect()
    }
}

/// A rule consists of `KEY=VALUE` words in any order.
///
/// Keys that select requests (default: all): `type=N` (p217), `sent-user=ID` (p225), `params=QUERY`
/// (pairs that p216 must contain), `data=TEXT` (p214). The provider's response: `result=ok` with
/// optional `user=ID`, `nickname=NAME` and `extra.NAME=TEXT` (p245), or `result=refused` with
/// `code=N` (default 32755) and `message=TEXT`.
///
/// ```
/// use dev_server::{AuthResult, AuthRule};
///
/// let rule: AuthRule = r#"type=0 params=user=mallory result=refused message="not you""#.parse()?;
/// assert_eq!(rule.result, AuthResult::Refuse { code: 32755, text: "not you".to_owned() });
/// # Ok::<(), dev_server::AuthRuleError>(())
/// ```
impl FromStr for AuthRule {
    type Err = AuthRuleError;

    fn from_str(text: &str) -> Result<Self, AuthRuleError> {
        let mut pairs = pairs(text)?;
        let mut take = |key: &str| {
            let at = pairs.iter().position(|(known, _)| known == key)?;
            Some(pairs.remove(at).1)
        };
        let auth_type = number(
            take("type"),
            "type",
            "a number from 0 to 254",
            |kind: &u8| *kind < 255,
        )?;
        let (user_id, data) = (take("sent-user"), take("data").map(String::into_bytes));
        let parameters = take("params").as_deref().map_or_else(Vec::new, query);
        let result = match take("result").as_deref() {
            Some("ok") => {
                let (user_id, nickname) = (take("user"), take("nickname"));
                let mut data = Vec::new();
                pairs.retain(|(key, value)| match key.strip_prefix("extra.") {
                    Some(name) => {
                        data.push((name.to_owned(), value.as_str().into()));
                        false
                    }
                    None => true,
                });
                AuthResult::Accept {
                    user_id,
                    nickname,
                    data,
                }
            }
            Some("refused") => {
                let code = number(
                    take("code"),
                    "code",
                    "a number from -32768 to 32767, but not 0",
                    |code| *code != 0,
                )?;
                let code = code.unwrap_or(return_code::CUSTOM_AUTHENTICATION_FAILED);
                AuthResult::Refuse {
                    code,
                    text: take("message").unwrap_or_default(),
                }
            }
            Some(other) => {
                return Err(AuthRuleError::Value {
                    key: "result",
                    value: other.to_owned(),
                    form: "ok or refused",
                });
            }
            None => return Err(AuthRuleError::NoResult),
        };
        match pairs.into_iter().next() {
            None => Ok(Self {
                auth_type,
                user_id,
                parameters,
                data,
                result,
            }),
            Some((key, _)) => {
                let result = if matches!(result, AuthResult::Accept { .. }) {
                    "ok"
                } else {
                    "refused"
                };
                Err(AuthRuleError::Useless { key, result })
            }
        }
    }
}

fn number<T: FromStr>(
    text: Option<String>,
    key: &'static str,
    form: &'static str,
    fits: impl Fn(&T) -> bool,
) -> Result<Option<T>, AuthRuleError> {
    let Some(value) = text else { return Ok(None) };
    match value.parse().ok().filter(fits) {
        Some(number) => Ok(Some(number)),
        None => Err(AuthRuleError::Value { key, value, form }),
    }
}

/// Parses the pairs of a rule. Each key must be known and may occur once.
fn pairs(text: &str) -> Result<Vec<(String, String)>, AuthRuleError> {
    const KEYS: [&str; 9] = [
        "type",
        "sent-user",
        "params",
        "data",
        "result",
        "user",
        "nickname",
        "code",
        "message",
    ];
    let mut pairs: Vec<(String, String)> = Vec::new();
    for word in words(text)? {
        let (key, value) = word
            .split_once('=')
            .ok_or_else(|| AuthRuleError::Form(word.clone()))?;
        let is_extra = key
            .strip_prefix("extra.")
            .is_some_and(|name| !name.is_empty());
        if !is_extra && !KEYS.contains(&key) {
            return Err(AuthRuleError::Key(key.to_owned()));
        }
        if pairs.iter().any(|(known, _)| known == key) {
            return Err(AuthRuleError::Twice(key.to_owned()));
        }
        pairs.push((key.to_owned(), value.to_owned()));
    }
    Ok(pairs)
}

/// Splits a text into words at spaces. Quotation marks keep spaces, and a backslash inside them
/// escapes the next character.
pub(crate) fn words(text: &str) -> Result<Vec<String>, AuthRuleError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted => word
                .get_or_insert_default()
                .push(characters.next().ok_or(AuthRuleError::Quote)?),
            space if space.is_whitespace() && !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    if quoted {
        return Err(AuthRuleError::Quote);
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Result<AuthRule, AuthRuleError> {
        text.parse()
    }

    #[test]
    fn a_complete_rule_parses() {
        let accepted = AuthResult::Accept {
            user_id: Some("alice42".to_owned()),
            nickname: Some("Al \"the\" cat\\".to_owned()),
            data: vec![
                ("rank".to_owned(), "7".into()),
                ("clan".to_owned(), "".into()),
            ],
        };
        let expected = AuthRule {
            auth_type: Some(0),
            user_id: Some("alice".to_owned()),
            parameters: vec![
                ("user".to_owned(), "alice".to_owned()),
                ("pass".to_owned(), "x y".to_owned()),
            ],
            data: Some(b"blob".to_vec()),
            result: accepted,
        };
        let text = r#"  type=0 params=user=alice&pass=x+y sent-user=alice data=blob result=ok user=alice42
            nickname="Al \"the\" cat\\" extra.rank=7 extra.clan="#;
        assert_eq!(rule(text), Ok(expected));
        assert_eq!(rule("result=ok"), Ok(AuthRule::any(AuthResult::accept())));
        let refused = AuthResult::Refuse {
            code: 32761,
            text: "banned = out".to_owned(),
        };
        assert_eq!(
            rule("code=32761 \"message=banned = out\" result=refused"),
            Ok(AuthRule::any(refused))
        );
    }

    #[test]
    fn wrong_rules_get_advice() {
        let error = |text| rule(text).unwrap_err().to_string();
        for (text, part) in [
            ("", "write result=ok or result=refused"),
            ("type=0", "write result=ok or result=refused"),
            ("result", "KEY=VALUE"),
            ("result=yes", "write ok or refused"),
            ("type=x result=ok", "write a number from 0 to 254"),
            ("type=255 result=ok", "write a number from 0 to 254"),
            ("result=refused code=0", "not 0"),
            ("result=ok result=ok", "given twice"),
            ("result=ok message=x", "message does not go with result=ok"),
            (
                "result=refused extra.a=x",
                "extra.a does not go with result=refused",
            ),
            ("result=ok pass=x", "there is no key \"pass\""),
            ("result=ok extra.=x", "there is no key \"extra.\""),
            ("result=ok nickname=\"x", "not closed"),
            ("result=ok nickname=\"x\\", "not closed"),
        ] {
            assert!(error(text).contains(part), "{text}: {}", error(text));
        }
    }

    #[test]
    fn a_table_error_has_the_number_of_the_line() {
        let table = AuthRule::table("# users\n\ntype=1 result=ok\r\n  result=refused\n").unwrap();
        assert_eq!(table.len(), 2);
        let error = AuthRule::table("result=ok\n# fine\nresult=maybe\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 3: result=\"maybe\" is wrong: write ok or refused"
        );
    }
}
