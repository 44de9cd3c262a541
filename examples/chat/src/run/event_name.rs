//! The names of the events that `wait` knows.

/// All names that [`Event::name`](chat_core::Event::name) returns, in its order.
const NAMES: [&str; 25] = [
    "StateChanged",
    "Error",
    "RegionsResult",
    "Authenticated",
    "SubscribeResult",
    "UnsubscribeResult",
    "ChatMessages",
    "PrivateMessage",
    "ConversationForgotten",
    "UserStatusUpdate",
    "UserSubscribed",
    "UserUnsubscribed",
    "PropertiesChanged",
    "ErrorInfo",
    "OperationResponse",
    "Other",
    "Gap",
    "ReconnectScheduled",
    "Restored",
    "ReconnectGaveUp",
    "CredentialsNeeded",
    "MessageSent",
    "MessageRefused",
    "MessageUnconfirmed",
    "BadMessage",
];

/// The event of this name. A wait for a name that no event has would only end with its time, so it
/// is an error, which lists the names.
pub(crate) fn parse(name: &str) -> Result<&'static str, String> {
    let found = NAMES.into_iter().find(|&known| known == name);
    found.ok_or_else(|| format!("unknown event {name:?}: use one of {}", NAMES.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::{NAMES, parse};
    use crate::help;

    #[test]
    fn the_names_are_those_of_the_library_and_of_the_help() {
        // `Event` is non-exhaustive, so the compiler does not name a missing one.
        let library = include_str!("../../../../chat-core/src/event.rs");
        let (_, names) = library.split_once("fn name(&self)").unwrap();
        let (names, _) = names.split_once("\n    }\n").unwrap();
        let names: Vec<&str> = names.split('"').skip(1).step_by(2).collect();
        assert_eq!(names, NAMES);
        for name in NAMES {
            assert!(
                help::RUN
                    .lines()
                    .any(|line| line.trim_start().starts_with(name)
                        || line.contains(&format!(", {name} "))),
                "{name} is missing in the help"
            );
        }
    }

    #[test]
    fn an_unknown_name_lists_the_names() {
        assert_eq!(parse("Gap"), Ok("Gap"));
        for unknown in ["gap", "", "Command", "Stats", "Gaps"] {
            let error = parse(unknown).unwrap_err();
            assert!(
                error.contains("StateChanged, ") && error.ends_with("BadMessage"),
                "{error}"
            );
        }
    }
}
