//! The numbers of the Photon Chat protocol. Spec: chat.md 1.

/// Operation codes. Spec: chat.md 1.1.
pub mod operation {
    /// Authenticate, on the name server and the front end.
    pub const AUTHENTICATE: u8 = 230;
    /// List the regions, on the name server.
    pub const GET_REGIONS: u8 = 220;
    /// Subscribe to channels.
    pub const SUBSCRIBE: u8 = 0;
    /// Unsubscribe from channels.
    pub const UNSUBSCRIBE: u8 = 1;
    /// Publish in a channel.
    pub const PUBLISH: u8 = 2;
    /// Send a private message.
    pub const SEND_PRIVATE: u8 = 3;
    /// Reserved, never sent.
    pub const CHANNEL_HISTORY: u8 = 4;
    /// Set the user's status.
    pub const UPDATE_STATUS: u8 = 5;
    /// Watch other users' status.
    pub const ADD_FRIENDS: u8 = 6;
    /// Stop watching other users' status.
    pub const REMOVE_FRIENDS: u8 = 7;
    /// Set properties of a channel or of a user in it.
    pub const SET_PROPERTIES: u8 = 8;
}

/// Event codes. Spec: chat.md 1.2.
pub mod event {
    /// Messages in a public channel.
    pub const CHAT_MESSAGES: u8 = 0;
    /// One private message.
    pub const PRIVATE_MESSAGE: u8 = 2;
    /// A watched user's status changed.
    pub const STATUS_UPDATE: u8 = 4;
    /// Outcome of a subscription, per channel.
    pub const SUBSCRIBE: u8 = 5;
    /// Channels that the user is no longer in.
    pub const UNSUBSCRIBE: u8 = 6;
    /// Properties of a channel or user changed.
    pub const PROPERTIES_CHANGED: u8 = 7;
    /// Another user entered a channel.
    pub const USER_SUBSCRIBED: u8 = 8;
    /// Another user left a channel.
    pub const USER_UNSUBSCRIBED: u8 = 9;
    /// A server-side error text.
    pub const ERROR_INFO: u8 = 10;
}

/// Parameter codes. Spec: chat.md 1.3.
pub mod parameter {
    /// `string[]`
    pub const CHANNELS: u8 = 0;
    /// `string`
    pub const CHANNEL: u8 = 1;
    /// `object[]`
    pub const MESSAGES: u8 = 2;
    /// Any value.
    pub const MESSAGE: u8 = 3;
    /// `string[]`
    pub const SENDERS: u8 = 4;
    /// `string`
    pub const SENDER: u8 = 5;
    /// `int`
    pub const MESSAGE_ID: u8 = 8;
    /// `int[]`
    pub const MESSAGE_IDS: u8 = 9;
    /// `int`
    pub const STATUS: u8 = 10;
    /// `string[]`
    pub const FRIENDS: u8 = 11;
    /// `bool`
    pub const SKIP_MESSAGE: u8 = 12;
    /// `int`
    pub const HISTORY_LENGTH: u8 = 14;
    /// `bool[]`
    pub const SUBSCRIBE_RESULTS: u8 = 15;
    /// `string`
    pub const DEBUG_MESSAGE: u8 = 17;
    /// `byte`
    pub const WEB_FLAGS: u8 = 21;
    /// Dictionary object to object.
    pub const PROPERTIES: u8 = 22;
    /// `string[]`
    pub const CHANNEL_SUBSCRIBERS: u8 = 23;
    /// Any value.
    pub const DEBUG_DATA: u8 = 24;
    /// Dictionary object to object.
    pub const EXPECTED_VALUES: u8 = 25;
    /// `bool`
    pub const BROADCAST: u8 = 26;
    /// Map of user id to properties, or the properties of one user.
    pub const USER_PROPERTIES: u8 = 28;
    /// `int[]`, parallel to [`CHANNELS`].
    pub const UNIQUE_ROOM_ID: u8 = 29;
    /// `string`; informative.
    pub const CLUSTER: u8 = 196;
    /// `string`
    pub const NICKNAME: u8 = 202;
    /// `string`, in the answer of get-regions `string[]`.
    pub const REGION: u8 = 210;
    /// `string` or `byte[]`
    pub const AUTH_DATA: u8 = 214;
    /// `string`
    pub const AUTH_PARAMETERS: u8 = 216;
    /// `byte`
    pub const AUTH_TYPE: u8 = 217;
    /// `string`
    pub const APP_VERSION: u8 = 220;
    /// Opaque; also called token.
    pub const SECRET: u8 = 221;
    /// `string`
    pub const APPLICATION_ID: u8 = 224;
    /// `string`
    pub const USER_ID: u8 = 225;
    /// `string`, in the answer of get-regions `string[]`.
    pub const ADDRESS: u8 = 230;
    /// String-keyed map.
    pub const DATA: u8 = 245;
}

/// Return codes of operation responses. Spec: chat.md 1.5.
pub mod return_code {
    /// Success.
    pub const OK: i16 = 0;
    /// The server failed.
    pub const INTERNAL_SERVER_ERROR: i16 = -1;
    /// Unknown operation; on a chat operation mostly an app id that is not a Chat app id.
    pub const INVALID_OPERATION: i16 = -2;
    /// Not allowed now, e.g. not authenticated yet.
    pub const NOT_ALLOWED_IN_STATE: i16 = -3;
    /// Unknown app id, bad token.
    pub const INVALID_AUTHENTICATION: i16 = 32767;
    /// The server takes no more users.
    pub const SERVER_FULL: i16 = 32762;
    /// The user is blocked.
    pub const USER_BLOCKED: i16 = 32761;
    /// The application's limit of concurrent users is reached.
    pub const MAX_CCU_REACHED: i16 = 32757;
    /// Unknown region.
    pub const INVALID_REGION: i16 = 32756;
    /// The authentication provider refused the user.
    pub const CUSTOM_AUTHENTICATION_FAILED: i16 = 32755;
    /// The token is too old.
    pub const AUTHENTICATION_TICKET_EXPIRED: i16 = 32753;
    /// Too many operations.
    pub const OPERATION_LIMIT_REACHED: i16 = 32743;

    /// The name of a code that a chat client can meet.
    #[must_use]
    pub const fn name(code: i16) -> Option<&'static str> {
        Some(match code {
            OK => "Ok",
            INTERNAL_SERVER_ERROR => "InternalServerError",
            INVALID_OPERATION => "InvalidOperation",
            NOT_ALLOWED_IN_STATE => "OperationNotAllowedInCurrentState",
            INVALID_AUTHENTICATION => "InvalidAuthentication",
            SERVER_FULL => "ServerFull",
            USER_BLOCKED => "UserBlocked",
            MAX_CCU_REACHED => "MaxCcuReached",
            INVALID_REGION => "InvalidRegion",
            CUSTOM_AUTHENTICATION_FAILED => "CustomAuthenticationFailed",
            AUTHENTICATION_TICKET_EXPIRED => "AuthenticationTicketExpired",
            OPERATION_LIMIT_REACHED => "OperationLimitReached",
            32752 => "PluginReportedError",
            32751 => "PluginMismatch",
            32745 => "HttpLimitReached",
            32744 => "ExternalHttpCallFailed",
            32742 => "SlotError",
            32741 => "InvalidEncryptionParameters",
            _ => return None,
        })
    }
}

/// Channel properties with a fixed meaning, keyed by a byte. Spec: chat.md 1.6.
pub mod property {
    /// `int`; 0 or absent is unlimited.
    pub const MAX_SUBSCRIBERS: u8 = 255;
    /// `bool`
    pub const PUBLISH_SUBSCRIBERS: u8 = 254;
    /// Largest [`MAX_SUBSCRIBERS`] of a channel that publishes its subscribers.
    pub const MAX_PUBLISHED_SUBSCRIBERS: i32 = 100;
}

/// Bit of [`parameter::WEB_FLAGS`]: forward the message to the application's web hook. Spec: chat.md 1.7.
pub const WEB_FLAG_HTTP_FORWARD: u8 = 0x01;

/// The application names of the binary init. Spec: chat.md 2.2.
pub mod application {
    /// Towards the name server.
    pub const NAME_SERVER: &str = "NameServer";
    /// Towards the front end.
    pub const FRONT_END: &str = "chat";
}

/// Custom authentication types. Spec: chat.md 1.8.
pub mod auth_type {
    /// The application's own service.
    pub const CUSTOM: u8 = 0;
    /// Steam.
    pub const STEAM: u8 = 1;
    /// Facebook.
    pub const FACEBOOK: u8 = 2;
    /// Oculus.
    pub const OCULUS: u8 = 3;
    /// PlayStation 4.
    pub const PLAYSTATION_4: u8 = 4;
    /// Xbox.
    pub const XBOX: u8 = 5;
    /// Viveport.
    pub const VIVEPORT: u8 = 10;
    /// Nintendo Switch.
    pub const NINTENDO_SWITCH: u8 = 11;
    /// PlayStation 5.
    pub const PLAYSTATION_5: u8 = 12;
    /// Epic.
    pub const EPIC: u8 = 13;
    /// Facebook Gaming.
    pub const FACEBOOK_GAMING: u8 = 15;
    /// None: no authentication parameters are sent.
    pub const NONE: u8 = 255;
}

/// Default ports of the name server by transport. Spec: chat.md 2.1.
pub mod port {
    /// UDP.
    pub const UDP: u16 = 5058;
    /// TCP.
    pub const TCP: u16 = 4533;
    /// WebSocket.
    pub const WS: u16 = 80;
    /// Secure WebSocket.
    pub const WSS: u16 = 443;
}
