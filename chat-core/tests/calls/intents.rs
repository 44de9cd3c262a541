//! The table of all calls that the client can reject.

use chat_core::photon_proto::EncodeErrorKind;
use chat_core::{
    ChatClient, ConnectOptions, Hashtable, OperationOptions, PrivateOptions, PropertyOptions,
    PublishOptions, RequestError, State, StatusMessage, SubscribeOptions, Value,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

pub(crate) type Call = fn(&mut ChatClient) -> Result<(), RequestError>;
/// A call with bad arguments.
type BadCall = Box<dyn Fn(&mut ChatClient) -> Result<(), RequestError>>;
/// Whether the error is the expected one.
type Right = fn(&RequestError) -> bool;

/// A method of `ChatClient` that can be rejected.
pub(crate) struct Intent {
    pub(crate) name: &'static str,
    /// The states that allow it.
    pub(crate) states: &'static [State],
    /// The call with arguments that it accepts.
    pub(crate) good: Call,
    /// The call with arguments that it rejects: some before it encodes, some while it does.
    pub(crate) bad: Vec<Bad>,
}

pub(crate) struct Bad {
    /// The intent and what is wrong with the arguments.
    pub(crate) name: String,
    pub(crate) call: BadCall,
    pub(crate) is_right: Right,
}

const APART: &[State] = &[State::Uninitialized, State::Disconnected, State::Error];
/// Where there is a connection, or one was lost.
const COMING_BACK: &[State] = &[
    State::Error,
    State::ConnectingToNameServer,
    State::ConnectedToNameServer,
    State::ConnectingToFrontEnd,
    State::ConnectedToFrontEnd,
];
const CHATTING: &[State] = &[State::ConnectedToFrontEnd];

pub(crate) fn intents() -> Vec<Intent> {
    vec![
        Intent::new("connect_to_name_server", APART, |chat| {
            chat.connect_to_name_server(ConnectOptions::new())
        }),
        Intent::new(
            "connect_to_region_front_end",
            &[
                State::Uninitialized,
                State::ConnectedToNameServer,
                State::Disconnected,
                State::Error,
            ],
            |chat| chat.connect_to_region_front_end("eu"),
        ),
        // The "argument" of reconnect is what an earlier login left.
        Intent::new(
            "reconnect",
            &[State::Disconnected, State::Error],
            ChatClient::reconnect,
        ),
        Intent::new(
            "get_regions",
            &[State::ConnectedToNameServer],
            ChatClient::get_regions,
        ),
        Intent::new("suspend", COMING_BACK, ChatClient::suspend),
        Intent::new("resume", COMING_BACK, ChatClient::resume),
        Intent::new("network_changed", COMING_BACK, ChatClient::network_changed),
        Intent::new("set_user_id", APART, |chat| chat.set_user_id("bob")),
        subscribe(),
        Intent::new("unsubscribe", CHATTING, |chat| {
            chat.unsubscribe(["a"]).map(drop)
        })
        .bad_lists(too_long, |chat, names| chat.unsubscribe(names).map(drop)),
        Intent::new("publish_message", CHATTING, |chat| {
            chat.publish_message("a", "x", &PublishOptions::new())
                .map(drop)
        })
        .bad_names(|chat, name| {
            chat.publish_message(name, "x", &PublishOptions::new())
                .map(drop)
        })
        .bad_contents(|chat, content| {
            chat.publish_message("a", content, &PublishOptions::new())
                .map(drop)
        })
        .bad("null", empty, |chat| {
            chat.publish_message("a", &Value::Null, &PublishOptions::new())
                .map(drop)
        })
        .bad("a long text", too_long, |chat| {
            let text = "x".repeat(600_000);
            chat.publish_message("a", &*text, &PublishOptions::new())
                .map(drop)
        }),
        Intent::new("send_private_message", CHATTING, |chat| {
            chat.send_private_message("bob", "x", &PrivateOptions::new().encrypt(true))
                .map(drop)
        })
        .bad_names(|chat, name| {
            chat.send_private_message(name, "x", &PrivateOptions::new())
                .map(drop)
        })
        .bad_contents(|chat, content| {
            chat.send_private_message("bob", content, &PrivateOptions::new())
                .map(drop)
        })
        .bad("null", empty, |chat| {
            chat.send_private_message("bob", &Value::Null, &PrivateOptions::new())
                .map(drop)
        }),
        Intent::new("set_user_status", CHATTING, |chat| {
            chat.set_user_status(2, StatusMessage::Clear)
        })
        .bad_contents(|chat, content| chat.set_user_status(2, StatusMessage::SetValue(content)))
        .bad("a value that cannot be encoded", has_null_key, |chat| {
            chat.set_user_status(2, StatusMessage::SetValue(&null_key()))
        }),
        Intent::new("add_friends", CHATTING, |chat| chat.add_friends(["bob"]))
            .bad_lists(too_many, |chat, names| chat.add_friends(names)),
        Intent::new("remove_friends", CHATTING, |chat| {
            chat.remove_friends(["bob"])
        })
        .bad_lists(too_many, |chat, names| chat.remove_friends(names))
        .bad("one too many", too_many, |chat| {
            chat.remove_friends(["bob"; 1_025])
        }),
        Intent::new("set_channel_properties", CHATTING, |chat| {
            set_channel_properties(chat, "a", &[("k".into(), 1.into())])
        })
        .bad_names(|chat, name| set_channel_properties(chat, name, &[("k".into(), 1.into())]))
        .bad(
            "the same property twice",
            |error| is_unencodable(error, |kind| *kind == EncodeErrorKind::DuplicateKey),
            |chat| {
                let twice = [("k".into(), Value::Int(1)), ("k".into(), Value::Int(2))];
                set_channel_properties(chat, "a", &twice)
            },
        )
        .bad("no properties", empty, |chat| {
            set_channel_properties(chat, "a", &[])
        }),
        Intent::new("set_user_properties", CHATTING, |chat| {
            set_user_property(chat, "bob")
        })
        .bad_names(set_user_property),
        Intent::new("send_operation", CHATTING, |chat| {
            chat.send_operation(199, &[], &OperationOptions::new())
        })
        .bad(
            "Authenticate",
            |error| matches!(error, RequestError::ReservedOperation(230)),
            |chat| chat.send_operation(230, &[], &OperationOptions::new()),
        )
        .bad("a parameter that cannot be encoded", has_null_key, |chat| {
            chat.send_operation(199, &[(1, null_key())], &OperationOptions::new())
        }),
    ]
}

fn subscribe() -> Intent {
    fn is_creation(error: &RequestError) -> bool {
        matches!(error, RequestError::CreationOptions(_))
    }
    let plain = SubscribeOptions::new;
    Intent::new("subscribe", CHATTING, |chat| {
        chat.subscribe(["a"], &SubscribeOptions::new()).map(drop)
    })
    .bad_lists(too_long, |chat, names| {
        chat.subscribe(names, &SubscribeOptions::new()).map(drop)
    })
    .bad(
        "too few last ids",
        |error| {
            let (ids, channels) = (1, 2);
            *error == RequestError::LastIds { ids, channels }
        },
        move |chat| chat.subscribe(["a", "b"], &plain().last_ids([1])).map(drop),
    )
    .bad(
        "too many last ids",
        |error| {
            let (ids, channels) = (2, 1);
            *error == RequestError::LastIds { ids, channels }
        },
        move |chat| chat.subscribe(["a"], &plain().last_ids([1, 2])).map(drop),
    )
    .bad("a negative maximum", is_creation, move |chat| {
        let options = plain().max_subscribers(-1);
        chat.subscribe(["a"], &options).map(drop)
    })
    .bad("too high a maximum", is_creation, move |chat| {
        let options = plain().publish_subscribers(true).max_subscribers(101);
        chat.subscribe(["a"], &options).map(drop)
    })
    .bad("creation options of two", is_creation, move |chat| {
        let options = plain().publish_subscribers(true);
        chat.subscribe(["a", "b"], &options).map(drop)
    })
}

fn set_channel_properties(
    chat: &mut ChatClient,
    channel: &str,
    properties: &[(Value, Value)],
) -> Result<(), RequestError> {
    chat.set_channel_properties(channel, properties, &PropertyOptions::new())
}

fn set_user_property(chat: &mut ChatClient, user: &str) -> Result<(), RequestError> {
    let properties = [("k".into(), Value::Int(1))];
    chat.set_user_properties("a", user, &properties, &PropertyOptions::new())
}

impl Intent {
    fn new(name: &'static str, states: &'static [State], good: Call) -> Self {
        Self {
            name,
            states,
            good,
            bad: Vec::new(),
        }
    }

    fn bad(
        mut self,
        what: &str,
        is_right: Right,
        call: impl Fn(&mut ChatClient) -> Result<(), RequestError> + 'static,
    ) -> Self {
        self.bad.push(Bad {
            name: format!("{}, {what}", self.name),
            call: Box::new(call),
            is_right,
        });
        self
    }

    /// The call with bad lists of names; `is_right` is for a list of 100,000.
    fn bad_lists(
        mut self,
        is_right: Right,
        call: fn(&mut ChatClient, &[String]) -> Result<(), RequestError>,
    ) -> Self {
        let long = (0..100_000).map(|number| format!("channel{number}"));
        let lists: [(&str, Vec<String>, Right); 5] = [
            ("no names", Vec::new(), empty),
            ("an empty name", vec!["a".to_owned(), String::new()], empty),
            ("a name of 32,768 bytes", vec!["x".repeat(32_768)], too_long),
            (
                "a name of 600,000 bytes",
                vec!["x".repeat(600_000)],
                too_long,
            ),
            ("100,000 names", long.collect(), is_right),
        ];
        for (what, list, is_right) in lists {
            self = self.bad(what, is_right, move |chat| call(chat, &list));
        }
        self
    }

    /// The call with bad names of a channel or user.
    fn bad_names(mut self, call: fn(&mut ChatClient, &str) -> Result<(), RequestError>) -> Self {
        let names: [(&str, String, Right); 3] = [
            ("an empty name", String::new(), empty),
            ("a name of 32,768 bytes", "é".repeat(16_384), too_long),
            ("a name of 600,000 bytes", "x".repeat(600_000), too_long),
        ];
        for (what, name, is_right) in names {
            self = self.bad(what, is_right, move |chat| call(chat, &name));
        }
        self
    }

    /// The call with contents that are too deep or too long.
    fn bad_contents(
        mut self,
        call: fn(&mut ChatClient, &Value) -> Result<(), RequestError>,
    ) -> Self {
        let bytes = Value::Bytes(vec![0; 600_000].into());
        let contents: [(&str, Value, Right); 3] = [
            ("nested 33 deep", nested(33), too_deep),
            ("nested 1,000 deep", nested(1_000), too_deep),
            ("600,000 bytes", bytes, too_long),
        ];
        for (what, content, is_right) in contents {
            self = self.bad(what, is_right, move |chat| call(chat, &content));
        }
        self
    }
}

/// A list of lists.
pub(crate) fn nested(depth: usize) -> Value {
    (1..depth).fold(Value::from(Vec::<Value>::new()), |inner, _| {
        Value::from(vec![inner])
    })
}

/// A value that no protocol can express.
fn null_key() -> Value {
    Value::Hashtable(Hashtable(vec![(Value::Null, Value::Null)]))
}

fn is_unencodable(error: &RequestError, is_right: fn(&EncodeErrorKind) -> bool) -> bool {
    matches!(error, RequestError::Unencodable(error) if is_right(&error.kind))
}

fn has_null_key(error: &RequestError) -> bool {
    is_unencodable(error, |kind| *kind == EncodeErrorKind::NullKey)
}

fn too_deep(error: &RequestError) -> bool {
    is_unencodable(error, |kind| *kind == EncodeErrorKind::TooDeep)
}

fn too_long(error: &RequestError) -> bool {
    let max_bytes = 512_000;
    *error == RequestError::TooLong { max_bytes }
        || is_unencodable(error, |kind| {
            matches!(
                kind,
                EncodeErrorKind::TextTooLong(_)
                    | EncodeErrorKind::TooManyElements(_)
                    | EncodeErrorKind::TooManyValues
            )
        })
}

fn too_many(error: &RequestError) -> bool {
    matches!(error, RequestError::TooMany { .. })
}

fn empty(error: &RequestError) -> bool {
    matches!(error, RequestError::Empty(_))
}

/// Reads the signatures in the source: the compiler cannot list the methods of a type.
#[test]
fn the_table_has_every_method_that_can_be_rejected() {
    let mut methods = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/client");
    for entry in fs::read_dir(folder).expect("the source of the client") {
        let text = fs::read_to_string(entry.expect("readable").path()).expect("a file");
        for method in text.split("\n    pub fn ").skip(1) {
            let (signature, _) = method.split_once('{').expect("a body");
            if signature.contains("RequestError>") {
                let name = signature.split(['(', '<']).next().unwrap_or_default();
                methods.insert(name.to_owned());
            }
        }
    }
    let table: BTreeSet<String> = intents()
        .into_iter()
        .map(|intent| intent.name.to_owned())
        .collect();
    assert_eq!(methods, table, "add the missing methods to intents()");
}
