//! [`Step`]: the calls of the application, the input from servers and the work of the driver, of
//! which scripts are made.

use super::inbound::Inbound;
use super::samples::{Content, MessageId, Name, Names, Properties};
use super::server_message::Handshake;
use super::setup::{Setup, Start};
use crate::script::{List, OneIn, UpTo, choices, script_types};
use dev_server::Transport;

/// A whole script.
pub type Script = crate::script::Script<Setup, Step>;

script_types! {
    /// One step of a script.
    pub enum Step {
        /// The application calls the client.
        Call(Call),
        /// The server of the newest link sends a message, which arrives if nothing happens to it.
        Receive(Inbound),
        /// The driver acts, time passes, or a link fails.
        Drive(Drive),
    }

    /// A call of the application.
    pub enum Call {
        /// A call that concerns the connection or the login.
        Connection(ConnectionCall),
        /// A call that concerns channels and messages.
        Channel(ChannelCall),
        /// A call that concerns users, properties, or anything.
        User(UserCall),
    }

    /// A call that concerns the connection or the login.
    pub enum ConnectionCall {
        /// `connect_to_name_server`.
        Connect {
            /// Whether with a region, so that the client goes on to its front end.
            region: bool,
        },
        /// `connect_to_region_front_end`.
        ConnectToRegion,
        /// `reconnect`.
        Reconnect,
        /// `disconnect`.
        Disconnect,
        /// `get_regions`.
        GetRegions,
        /// `set_user_id`.
        SetUserId(Name),
        /// `set_custom_authentication`.
        SetAuthentication {
            /// Whether with values, or without.
            custom: bool,
        },
        /// `suspend`.
        Suspend,
        /// `resume`.
        Resume,
        /// `network_changed`.
        NetworkChanged,
        /// `keep`.
        Keep {
            /// Whether the program ends, and the next one resumes with the kept state.
            restarts: OneIn<4>,
        },
    }

    /// A call that concerns channels and messages.
    pub enum ChannelCall {
        /// `subscribe`.
        Subscribe {
            /// The channels.
            channels: Names,
            /// The history option.
            history: Option<History>,
            /// The last ids option.
            last_ids: Option<LastIds>,
            /// The publish subscribers option.
            publish_subscribers: bool,
            /// The max subscribers option.
            max_subscribers: SubscriberLimit,
            /// The option to do without the creation options.
            or_plain: bool,
        },
        /// `unsubscribe`.
        Unsubscribe(Names),
        /// `publish_message`.
        Publish {
            /// The channel.
            channel: Name,
            /// The content.
            content: Content,
            /// The web forward option.
            web_forward: bool,
        },
        /// `send_private_message`.
        SendPrivate {
            /// The receiver.
            user: Name,
            /// The content.
            content: Content,
            /// The encrypt option, which a secret sets as well.
            encrypt: bool,
            /// The web forward option.
            web_forward: bool,
        },
        /// `clear_messages` or `clear_private_messages`.
        Clear {
            /// Whether of a private channel.
            private: bool,
            /// The channel or the user.
            name: Name,
        },
        /// `forget_channels`.
        ForgetChannels,
    }

    /// Ids of the last messages that the application has.
    #[derive(Copy, Eq)]
    pub struct LastIds {
        /// The id for each channel.
        pub id: MessageId,
        /// Whether there is one more than channels, which is refused.
        pub surplus: bool,
    }

    /// A call that concerns users, properties, or anything.
    pub enum UserCall {
        /// `set_user_status`.
        SetStatus {
            /// The status.
            status: u8,
            /// The status message.
            message: StatusText,
        },
        /// `add_friends`.
        AddFriends(Names),
        /// `remove_friends`.
        RemoveFriends(Names),
        /// `set_channel_properties`.
        SetChannelProperties {
            /// The channel.
            channel: Name,
            /// The properties.
            properties: Properties,
            /// Whether with the same as expected properties, and web forward.
            expected: bool,
        },
        /// `set_user_properties`.
        SetUserProperties {
            /// The channel.
            channel: Name,
            /// The user.
            user: Name,
            /// The properties.
            properties: Properties,
            /// Whether with the same as expected properties, and web forward.
            expected: bool,
        },
        /// `send_operation`.
        SendOperation {
            /// The operation.
            code: u8,
            /// The parameters.
            parameters: List<Parameter, 3>,
            /// Whether encrypted, which a secret sets as well.
            encrypt: bool,
        },
    }

    /// A parameter of an operation.
    #[derive(Copy, Eq)]
    pub struct Parameter {
        /// The key.
        pub key: u8,
        /// The value.
        pub content: Content,
    }

    /// The status message of a status call.
    #[derive(Copy, Eq)]
    pub enum StatusText {
        /// The server keeps the last one.
        Keep,
        /// The server clears it.
        Clear,
        /// A new one.
        Set(Content),
    }

    /// The driver acts, time passes, or a link fails.
    pub enum Drive {
        /// Time passes; then `service` and a full drain until nothing is left to do, as a driver
        /// does that is always in time. All datagrams arrive.
        Turn {
            /// A quarter of its square is the number of milliseconds.
            root: u8,
        },
        /// The newest link is open.
        Opened,
        /// The servers of the next links complete the handshake and the login.
        LogIn {
            /// The number of links: the name server's and the front end's.
            links: UpTo<2>,
        },
        /// Time passes; then one `service`.
        Service {
            /// The number of milliseconds.
            ms: u8,
        },
        /// One part of a drain.
        Pass(Pass),
        /// A link fails, or the driver does not keep to the contract.
        Fault(Fault),
    }

    /// One part of a drain.
    pub enum Pass {
        /// The driver takes all commands.
        Commands,
        /// Each link takes some bytes.
        Transmit {
            /// The maximum of bytes. Datagrams and WebSocket messages are taken whole if it is not
            /// 0; then a remainder of 3 modulo 4 loses the datagram, and 2 duplicates it.
            max_bytes: u8,
        },
        /// The application takes some events.
        Events {
            /// The maximum of events.
            max: UpTo<3>,
        },
        /// Turns of the driver, each at the client's next deadline.
        Sleep {
            /// The number of turns.
            turns: UpTo<8>,
        },
    }

    /// A link fails, or the driver does not keep to the contract.
    pub enum Fault {
        /// The other side closes the newest link.
        Closed,
        /// The newest link fails.
        Failed {
            /// Whether by a reset.
            reset: bool,
        },
        /// Something happens to a link that only sends its last bytes.
        OldLink {
            /// Which one, modulo their number.
            which: u8,
            /// The event.
            event: OldLinkEvent,
        },
        /// The driver reports input of a link that is closed.
        LateInput {
            /// Which one, modulo their number.
            which: u8,
        },
        /// The driver reports more sent bytes than there were.
        TransmittedTooMuch,
        /// `service` at this time in milliseconds, which may be earlier than the last one.
        Jump(JumpTo),
    }

    /// An event of a link that only sends its last bytes.
    #[derive(Copy, Eq)]
    pub enum OldLinkEvent {
        /// The other side closes it.
        Closed,
        /// A few bytes arrive.
        FewBytes,
        /// As many bytes arrive as a client accepts at once.
        ManyBytes,
    }
}

choices! {
    /// Values of the history option: all, none, some, and numbers that are refused.
    #[derive(Eq)]
    pub struct History(i32) = [-1, 0, 1, 100, -7, i32::MAX];

    /// Values of the max subscribers option: none, some, the maximum, and refused ones.
    #[derive(Eq)]
    pub struct SubscriberLimit(i32) = [0, 0, 0, 0, 5, 100, 101, -1];

    /// Times in milliseconds: the beginning, later than all deadlines, and the end of time.
    #[derive(Eq)]
    pub struct JumpTo(u64) = [0, 20_000, u64::MAX];
}

impl From<Inbound> for Step {
    fn from(inbound: Inbound) -> Self {
        Self::Receive(inbound)
    }
}

impl From<Drive> for Step {
    fn from(drive: Drive) -> Self {
        Self::Drive(drive)
    }
}

/// Lets scripts name a step without the enums around it.
macro_rules! from_parts {
    ($($part:ident => $outer:ident::$variant:ident),*) => {
        $(
            impl From<$part> for Step {
                fn from(part: $part) -> Self {
                    Self::$outer($outer::$variant(part))
                }
            }
        )*
    };
}

from_parts!(
    ConnectionCall => Call::Connection,
    ChannelCall => Call::Channel,
    UserCall => Call::User,
    Pass => Drive::Pass,
    Fault => Drive::Fault
);

impl Step {
    /// A turn of the driver 4 ms later.
    pub const TURN: Self = Self::Drive(Drive::Turn { root: 4 });
    /// A turn of the driver 1 ms later.
    const SHORT_TURN: Self = Self::Drive(Drive::Turn { root: 2 });
}

impl Setup {
    /// The steps that lead to where the script begins.
    pub(super) fn first_steps(&self) -> Vec<Step> {
        let region = self.start == Start::FrontEnd;
        let connect = || Step::from(ConnectionCall::Connect { region });
        match self.start {
            Start::Disconnected => Vec::new(),
            Start::NameServer => [vec![connect()], self.link_steps()].concat(),
            Start::FrontEnd => [vec![connect()], self.login_steps(), self.login_steps()].concat(),
        }
    }

    /// The steps that open the link which the client asks for, up to the login.
    fn link_steps(&self) -> Vec<Step> {
        let receive = |message: Handshake| Step::Receive(Inbound::whole(message));
        let mut steps = vec![Step::from(Pass::Commands), Drive::Opened.into()];
        if self.transport() == Transport::Udp {
            // The datagrams of the connect and its answer.
            steps.push(Step::SHORT_TURN);
        }
        steps.extend([receive(Handshake::InitResponse), Step::SHORT_TURN]);
        if self.exchanges_keys() {
            steps.extend([receive(Handshake::KEY), Step::SHORT_TURN]);
        }
        steps
    }

    /// The steps that open a link, and the login there.
    pub(super) fn login_steps(&self) -> Vec<Step> {
        let login = Inbound::whole(Handshake::LOGIN);
        [self.link_steps(), vec![login.into(), Step::SHORT_TURN]].concat()
    }
}
