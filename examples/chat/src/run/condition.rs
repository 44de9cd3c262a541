//! [`Filter`]: the events that a `wait` accepts, besides their name.

use super::line::escaped;
use serde_json::Value as Json;

/// The keys in which a printed event has parts of its own, each with fields.
const PARTS: [&str; 5] = ["messages", "channels", "failed", "regions", "message"];

/// The condition of a `wait`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    Any,
    /// The printed line contains this text.
    Contains(String),
    /// All these fields have these values.
    Fields(Vec<Condition>),
}

/// `FIELD=VALUE`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    path: Vec<String>,
    value: String,
}

impl Filter {
    /// A filter for lines with this text.
    pub(crate) fn contains(text: &str) -> Self {
        // As it is printed: a script may write the character or its escape.
        Self::Contains(escaped(text).into_owned())
    }

    /// Whether a printed event fits.
    pub(crate) fn fits(&self, line: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Contains(text) => line.contains(text.as_str()),
            Self::Fields(conditions) => {
                let event = serde_json::from_str(line).unwrap_or_default();
                fits(conditions, &event)
            }
        }
    }
}

impl Condition {
    /// Takes the first `FIELD=VALUE` of `text`, which begins with it; returns it and the rest.
    /// `None` if the text begins with something else.
    pub(crate) fn take(text: &str) -> Option<Result<(Self, &str), String>> {
        let (field, rest) = text.split_once('=')?;
        let is_name = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_alphabetic())
                && name
                    .chars()
                    .all(|all| all.is_ascii_alphanumeric() || all == '_')
        };
        if !field.split('.').all(is_name) {
            return None;
        }
        let path = field.split('.').map(str::to_owned).collect();
        let (value, rest) = if rest.starts_with('"') {
            // As in JSON, so that every text can be written.
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            match values.next() {
                Some(Ok(value)) => (value, rest.get(values.byte_offset()..).unwrap_or_default()),
                _ => {
                    return Some(Err(format!(
                        "{field}={rest} is not a text in quotes, as in JSON"
                    )));
                }
            }
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let (value, rest) = rest.split_at(end);
            (value.to_owned(), rest)
        };
        if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
            return Some(Err(format!("a space must follow the value of {field}")));
        }
        Some(Ok((Self { path, value }, rest)))
    }

    /// Whether the field of this object has the value; `None` if there is no such field.
    fn holds(&self, object: &Json) -> Option<bool> {
        let mut field = object;
        for key in &self.path {
            field = field.get(key)?;
        }
        Some(is(field, &self.value))
    }
}

/// Whether the event has all these fields. Those of its parts, such as messages, must be in one of
/// them: `sender=bob content=hi` is one message of bob.
fn fits(conditions: &[Condition], event: &Json) -> bool {
    let mut of_parts = Vec::new();
    for condition in conditions {
        match condition.holds(event) {
            Some(false) => return false,
            Some(true) => {}
            None => of_parts.push(condition),
        }
    }
    let fits = |part: &Json| {
        of_parts
            .iter()
            .all(|condition| condition.holds(part) == Some(true))
    };
    of_parts.is_empty()
        || PARTS.iter().any(|key| match event.get(key) {
            Some(Json::Array(parts)) => parts.iter().any(fits),
            Some(part) => fits(part),
            None => false,
        })
}

/// Whether a printed field is this value. An object with a name and a code is either, and a tagged
/// value is what it contains.
fn is(field: &Json, value: &str) -> bool {
    match field {
        Json::String(text) => text == value,
        Json::Object(fields) => ["name", "code", "v"]
            .iter()
            .filter_map(|key| fields.get(*key))
            .any(|field| is(field, value)),
        // Numbers, true, false, null, and lists: as they are printed.
        other => {
            let printed = other.to_string();
            printed == value
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Condition, Filter};

    fn fields(mut text: &str) -> Filter {
        let mut all = Vec::new();
        while !text.is_empty() {
            let (condition, rest) = Condition::take(text).unwrap().unwrap();
            all.push(condition);
            text = rest.trim_start();
        }
        Filter::Fields(all)
    }

    #[test]
    fn a_field_is_compared_as_a_whole() {
        let entered = r#"{"event":"StateChanged","from":{"name":"ConnectingToFrontEnd","code":3},"to":{"name":"ConnectedToFrontEnd","code":4}}"#;
        for fit in [
            "to=ConnectedToFrontEnd",
            "to=4",
            "to.name=ConnectedToFrontEnd from=3",
        ] {
            assert!(fields(fit).fits(entered), "{fit}");
        }
        for other in [
            "to=ConnectedToFront",
            "from=ConnectedToFrontEnd",
            "to=3",
            "to=4 from=4",
            "code=4",
            "to.other=1",
            "name=ConnectedToFrontEnd",
        ] {
            assert!(!fields(other).fits(entered), "{other}");
        }
    }

    #[test]
    fn fields_of_parts_are_those_of_one_part() {
        let line = r#"{"event":"ChatMessages","channel":"a","messages":[{"sender":"bob","content":{"t":"string","v":"hi there"},"id":1},{"sender":"eve","content":{"t":"int","v":5},"id":2}],"origin":"Live"}"#;
        for fit in [
            "sender=bob",
            "sender=eve content=5",
            "content=\"hi there\" channel=a",
            "id=2 origin=Live",
            "content.t=int",
        ] {
            assert!(fields(fit).fits(line), "{fit}");
        }
        for other in [
            "sender=bob content=5",
            "channel=b sender=bob",
            "content=hi",
            "id=3",
        ] {
            assert!(!fields(other).fits(line), "{other}");
        }
        let private = r#"{"event":"PrivateMessage","channel":"bob","message":{"sender":"bob","content":{"t":"string","v":"x"},"id":1}}"#;
        assert!(fields("channel=bob content=x").fits(private));
        let error = r#"{"event":"Error","code":{"name":"FrontEndTimeout","code":1004},"cause":{"kind":{"name":"Silent","for_ms":1}},"message":"as text"}"#;
        assert!(
            fields("code=1004 cause.kind=Silent message=\"as text\" cause.kind.for_ms=1")
                .fits(error)
        );
    }

    #[test]
    fn other_texts_are_no_conditions() {
        for other in [
            "hello",
            "\"to\":{\"name\":\"x\"}=",
            "=x",
            "1=x",
            "a b=c",
            "a..b=c",
        ] {
            assert!(Condition::take(other).is_none(), "{other}");
        }
        for wrong in ["a=\"b", "a=\"b\"c"] {
            assert!(Condition::take(wrong).unwrap().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_text_is_searched_as_it_is_printed() {
        let line = super::escaped("{\"v\":\"a\u{200d}b\"}").into_owned();
        assert!(Filter::contains("a\u{200d}b").fits(&line));
        assert!(Filter::contains("a\\u200db").fits(&line));
        assert!(!Filter::contains("ab").fits(&line));
    }
}
