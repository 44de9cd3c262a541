//! Numeric codes of the Photon Chat protocol. Spec: chat.md 1.

/// Operation codes. Spec: chat.md 1.1.
pub mod operation {
    /// Authenticates, on the name server and on the front end.
    pub const AUTHENTICATE: u8 = 230;
    /// Lists the regions, on the name server.
    pub const GET_REGIONS: u8 = 220;
    /// Subscribes to channels.
    pub const SUBSCRIBE: u8 = 0;
    /// Unsubscribes from channels.
    pub const UNSUBSCRIBE: u8 = 1;
    /// Publishes a message in a channel.
    pub const PUBLISH: u8 = 2;
    /// Sends a private message.
    pub const SEND_PRIVATE: u8 = 3;
    /// Reserved; no client sends it.
    pub const CHANNEL_HISTORY: u8 = 4;
    /// Sets the user's status.
    pub const UPDATE_STATUS: u8 = 5;
    /// Adds friends: users whose status the server reports.
    pub const ADD_FRIENDS: u8 = 6;
    /// Removes friends.
    pub const REMOVE_FRIENDS: u8 = 7;
    /// Sets properties of a channel, or of a user in a channel.
    pub const SET_PROPERTIES: u8 = 8;

    /// Returns the documented name of an operation that a chat client sends.
    #[must_use]
    pub const fn name(code: u8) -> Option<&'static str> {
        Some(match code {
            AUTHENTICATE => "Authenticate",
            GET_REGIONS => "GetRegions",
            SUBSCRIBE => "Subscribe",
            UNSUBSCRIBE => "Unsubscribe",
            PUBLISH => "Publish",
            SEND_PRIVATE => "SendPrivate",
            CHANNEL_HISTORY => "ChannelHistory",
            UPDATE_STATUS => "UpdateStatus",
            ADD_FRIENDS => "AddFriends",
            REMOVE_FRIENDS => "RemoveFriends",
            SET_PROPERTIES => "SetProperties",
            _ => return None,
        })
    }
}

/// Event codes. Spec: chat.md 1.2.
pub mod event {
    /// Messages in a public channel.
    pub const CHAT_MESSAGES: u8 = 0;
    /// One private message.
    pub const PRIVATE_MESSAGE: u8 = 2;
    /// The status of a friend changed.
    pub const STATUS_UPDATE: u8 = 4;
    /// The outcome of a subscribe request, for each channel.
    pub const SUBSCRIBE: u8 = 5;
    /// Channels that the user is no longer in.
    pub const UNSUBSCRIBE: u8 = 6;
    /// Properties of a channel, or of a user in a channel, changed.
    pub const PROPERTIES_CHANGED: u8 = 7;
    /// Another user entered a channel.
    pub const USER_SUBSCRIBED: u8 = 8;
    /// Another user left a channel.
    pub const USER_UNSUBSCRIBED: u8 = 9;
    /// An error text from the server.
    pub const ERROR_INFO: u8 = 10;

    /// Returns the documented name of an event.
    #[must_use]
    pub const fn name(code: u8) -> Option<&'static str> {
        Some(match code {
            CHAT_MESSAGES => "ChatMessages",
            PRIVATE_MESSAGE => "PrivateMessage",
            STATUS_UPDATE => "StatusUpdate",
            SUBSCRIBE => "Subscribe",
            UNSUBSCRIBE => "Unsubscribe",
            PROPERTIES_CHANGED => "PropertiesChanged",
            USER_SUBSCRIBED => "UserSubscribed",
            USER_UNSUBSCRIBED => "UserUnsubscribed",
            ERROR_INFO => "ErrorInfo",
            _ => return None,
        })
    }
}

/// Parameter codes. Spec: chat.md 1.3.
pub mod parameter {
    /// `string[]`: channels of operations 0 and 1, and of events 5 and 6.
    pub const CHANNELS: u8 = 0;
    /// `string`: the channel of operations 2 and 8, and of events 0 and 7 to 10.
    pub const CHANNEL: u8 = 1;
    /// `object[]`: contents of the messages of event 0.
    pub const MESSAGES: u8 = 2;
    /// Any value: content of a private message or a publish, or a status message.
    pub const MESSAGE: u8 = 3;
    /// `string[]`: senders of the messages of event 0, parallel to [`MESSAGES`].
    pub const SENDERS: u8 = 4;
    /// `string`: the sender of events 2, 4 and 7.
    pub const SENDER: u8 = 5;
    /// `int`: id of the last message in event 0, of the message in event 2.
    pub const MESSAGE_ID: u8 = 8;
    /// `int[]`: ids of the last messages already received, parallel to [`CHANNELS`].
    pub const MESSAGE_IDS: u8 = 9;
    /// `int`: a user status. Spec: chat.md 1.4.
    pub const STATUS: u8 = 10;
    /// `string[]`: user ids of operations 6 and 7.
    pub const FRIENDS: u8 = 11;
    /// `bool`: whether the status message stays as it is.
    pub const SKIP_MESSAGE: u8 = 12;
    /// `int`: how many earlier messages the server sends.
    pub const HISTORY_LENGTH: u8 = 14;
    /// `bool[]`: results of event 5, parallel to [`CHANNELS`].
    pub const SUBSCRIBE_RESULTS: u8 = 15;
    /// `string`: the text of event 10.
    pub const DEBUG_MESSAGE: u8 = 17;
    /// `byte`: see [`WEB_FLAG_HTTP_FORWARD`](super::WEB_FLAG_HTTP_FORWARD).
    pub const WEB_FLAGS: u8 = 21;
    /// Dictionary of object to object: properties of operations 0 and 8, events 5 and 7.
    pub const PROPERTIES: u8 = 22;
    /// `string[]`: subscribers of the channel of event 5.
    pub const CHANNEL_SUBSCRIBERS: u8 = 23;
    /// Any value: more about event 10.
    pub const DEBUG_DATA: u8 = 24;
    /// Dictionary of object to object: the condition of a compare-and-swap.
    pub const EXPECTED_VALUES: u8 = 25;
    /// `bool`: whether the server reports changed properties to the channel.
    pub const BROADCAST: u8 = 26;
    /// Map of user id to properties (event 5), or the properties of one user (event 8).
    pub const USER_PROPERTIES: u8 = 28;
    /// `int[]`: ids for raw messages, parallel to [`CHANNELS`].
    pub const UNIQUE_ROOM_ID: u8 = 29;
    /// `string`: the cluster of the region; informative.
    pub const CLUSTER: u8 = 196;
    /// `string`: a nickname from the authentication service.
    pub const NICKNAME: u8 = 202;
    /// `string`: the region of a login; `string[]` in the response of get-regions.
    pub const REGION: u8 = 210;
    /// `string`, `byte[]` or map: data for the authentication service.
    pub const AUTH_DATA: u8 = 214;
    /// `string`: parameters for the authentication service, in query-string form.
    pub const AUTH_PARAMETERS: u8 = 216;
    /// `byte`: see [`auth_type`](super::auth_type).
    pub const AUTH_TYPE: u8 = 217;
    /// `string`: the version of the application.
    pub const APP_VERSION: u8 = 220;
    /// The token of a login, of any type; also called secret. Clients return it unchanged.
    pub const SECRET: u8 = 221;
    /// `string`: the app id.
    pub const APPLICATION_ID: u8 = 224;
    /// `string`: a user id.
    pub const USER_ID: u8 = 225;
    /// `string`: address of the front end; `string[]` in the response of get-regions.
    pub const ADDRESS: u8 = 230;
    /// String-keyed map: data from the authentication service.
    pub const DATA: u8 = 245;
}

/// Return codes of operation responses. Spec: chat.md 1.5.
pub mod return_code {
    /// Success.
    pub const OK: i16 = 0;
    /// The server failed internally.
    pub const INTERNAL_SERVER_ERROR: i16 = -1;
    /// Unknown operation. On a chat operation it usually means that the app id is not a Chat app
    /// id.
    pub const INVALID_OPERATION: i16 = -2;
    /// Not allowed in the current state, for example before authentication.
    pub const NOT_ALLOWED_IN_STATE: i16 = -3;
    /// Unknown app id or invalid token.
    pub const INVALID_AUTHENTICATION: i16 = 32767;
    /// The server is full.
    pub const SERVER_FULL: i16 = 32762;
    /// The user is blocked.
    pub const USER_BLOCKED: i16 = 32761;
    /// The application has reached its limit of concurrent users (CCU).
    pub const MAX_CCU_REACHED: i16 = 32757;
    /// Unknown region.
    pub const INVALID_REGION: i16 = 32756;
    /// The authentication provider rejected the user.
    pub const CUSTOM_AUTHENTICATION_FAILED: i16 = 32755;
    /// The token has expired.
    pub const AUTHENTICATION_TICKET_EXPIRED: i16 = 32753;
    /// The client sent too many operations.
    pub const OPERATION_LIMIT_REACHED: i16 = 32743;

    /// Returns the documented name of a code that a chat client can receive.
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

/// Keys of the channel properties with a fixed meaning. A key is a byte. Spec: chat.md 1.6.
pub mod property {
    /// `int`: the largest number of subscribers; 0 or absent means unlimited.
    pub const MAX_SUBSCRIBERS: u8 = 255;
    /// `bool`: whether the channel reports its subscribers.
    pub const PUBLISH_SUBSCRIBERS: u8 = 254;
    /// Largest value of [`MAX_SUBSCRIBERS`] for a channel that publishes its subscribers.
    pub const MAX_PUBLISHED_SUBSCRIBERS: i32 = 100;
}

/// Bit of [`parameter::WEB_FLAGS`]: the server forwards the message to the application's web hook.
/// Spec: chat.md 1.7.
pub const WEB_FLAG_HTTP_FORWARD: u8 = 0x01;

/// Application names in the init message. Spec: chat.md 2.2.
pub mod application {
    /// Sent to the name server.
    pub const NAME_SERVER: &str = "NameServer";
    /// Sent to the front end.
    pub const FRONT_END: &str = "chat";
}

/// Custom authentication types. Spec: chat.md 1.8.
pub mod auth_type {
    /// The application's own authentication service.
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
    /// No custom authentication: the client sends none of the three parameters.
    pub const NONE: u8 = 255;
}

/// Default ports of the name server for each transport. Spec: chat.md 2.1.
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

#[cfg(test)]
mod tests {
    use super::{event, operation, return_code};

    #[test]
    fn operations_and_events_have_the_names_of_the_specification() {
        let operations = [
            (0, "Subscribe"),
            (1, "Unsubscribe"),
            (2, "Publish"),
            (3, "SendPrivate"),
            (4, "ChannelHistory"),
            (5, "UpdateStatus"),
            (6, "AddFriends"),
            (7, "RemoveFriends"),
            (8, "SetProperties"),
            (220, "GetRegions"),
            (230, "Authenticate"),
        ];
        let events = [
            (0, "ChatMessages"),
            (2, "PrivateMessage"),
            (4, "StatusUpdate"),
            (5, "Subscribe"),
            (6, "Unsubscribe"),
            (7, "PropertiesChanged"),
            (8, "UserSubscribed"),
            (9, "UserUnsubscribed"),
            (10, "ErrorInfo"),
        ];
        let find = |names: &[(u8, &'static str)], code| {
            names.iter().find(|one| one.0 == code).map(|one| one.1)
        };
        for code in 0..=u8::MAX {
            assert_eq!(operation::name(code), find(&operations, code), "{code}");
            assert_eq!(event::name(code), find(&events, code), "{code}");
        }
        assert_eq!(return_code::name(0), Some("Ok"));
        assert_eq!(return_code::name(1), None);
    }
}
