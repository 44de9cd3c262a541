//! [`Step`] and [`ChatOperation`], made from one table: the operations of the front end. The fault
//! grammar, the help and the dispatch of requests read it.

use chat_core::codes::operation;

use crate::ids::ServerKind;

/// Defines everything that depends on the list of chat operations. Each row has the variant of
/// [`Step`] and [`ChatOperation`], the constant in `codes::operation`, and the name in the grammar
/// of faults.
macro_rules! chat_operations {
    ($($variant:ident, $code:ident, $name:literal;)+) => {
        /// A point in a connection's life at which a fault can happen.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Step {
            /// A connection was accepted; nothing has been received.
            Accept(ServerKind),
            /// The init arrived.
            Init(ServerKind),
            /// The key exchange request arrived.
            KeyExchange(ServerKind),
            /// A ping arrived.
            Ping(ServerKind),
            /// Operation 220 on the name server.
            GetRegions,
            /// Operation 230.
            Authenticate(ServerKind),
            $(
                #[doc = concat!("Operation `", stringify!($code), "` on the front end.")]
                $variant,
            )+
        }

        /// An operation that needs a session on the front end. Every `match` on it is without
        /// wildcard, so that the compiler reports a new operation that is not dispatched.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum ChatOperation {
            $($variant,)+
        }

        impl ChatOperation {
            /// The chat operation with this code. Operation 4 is reserved and unknown. Spec:
            /// chat.md 3.5.
            pub(crate) const fn of_code(code: u8) -> Option<Self> {
                match code {
                    $(operation::$code => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The step at which the operation is received.
            const fn step(self) -> Step {
                match self {
                    $(Self::$variant => Step::$variant,)+
                }
            }
        }

        /// The names of the steps; `-ns` is the name server and `-fe` the front end.
        const STEPS: &[(&str, Step)] = &[
            ("accept-ns", Step::Accept(ServerKind::NameServer)),
            ("accept-fe", Step::Accept(ServerKind::FrontEnd)),
            ("init-ns", Step::Init(ServerKind::NameServer)),
            ("init-fe", Step::Init(ServerKind::FrontEnd)),
            ("key-exchange-ns", Step::KeyExchange(ServerKind::NameServer)),
            ("key-exchange-fe", Step::KeyExchange(ServerKind::FrontEnd)),
            ("ping-ns", Step::Ping(ServerKind::NameServer)),
            ("ping-fe", Step::Ping(ServerKind::FrontEnd)),
            ("regions", Step::GetRegions),
            ("authenticate-ns", Step::Authenticate(ServerKind::NameServer)),
            ("authenticate-fe", Step::Authenticate(ServerKind::FrontEnd)),
            $(($name, Step::$variant),)+
        ];
    };
}

chat_operations! {
    Subscribe, SUBSCRIBE, "subscribe";
    Unsubscribe, UNSUBSCRIBE, "unsubscribe";
    Publish, PUBLISH, "publish";
    SendPrivate, SEND_PRIVATE, "private";
    UpdateStatus, UPDATE_STATUS, "status";
    AddFriends, ADD_FRIENDS, "add-friends";
    RemoveFriends, REMOVE_FRIENDS, "remove-friends";
    SetProperties, SET_PROPERTIES, "properties";
}

impl Step {
    /// The step of a received operation; `None` for an unknown operation.
    pub(crate) fn of_operation(server_kind: ServerKind, code: u8) -> Option<Self> {
        match (server_kind, code) {
            (_, operation::AUTHENTICATE) => Some(Self::Authenticate(server_kind)),
            (ServerKind::NameServer, operation::GET_REGIONS) => Some(Self::GetRegions),
            (ServerKind::NameServer, _) => None,
            (ServerKind::FrontEnd, code) => ChatOperation::of_code(code).map(ChatOperation::step),
        }
    }

    /// Every step with its name in the grammar of faults.
    pub(crate) fn all() -> impl Iterator<Item = (&'static str, Self)> {
        STEPS.iter().copied()
    }
}
