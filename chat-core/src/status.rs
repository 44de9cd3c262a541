//! [`UserStatus`]: the numbers of chat.md 1.4.

use core::fmt;

/// A user's status. Any number is allowed; from 2 on it counts as online and may carry a message.
/// Spec: chat.md 1.4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserStatus(pub i32);

impl UserStatus {
    /// 0: not connected.
    pub const OFFLINE: Self = Self(0);
    /// 1: connected, but shown to friends as offline.
    pub const INVISIBLE: Self = Self(1);
    /// 2
    pub const ONLINE: Self = Self(2);
    /// 3
    pub const AWAY: Self = Self(3);
    /// 4: do not disturb.
    pub const DND: Self = Self(4);
    /// 5: looking for game or group.
    pub const LFG: Self = Self(5);
    /// 6
    pub const PLAYING: Self = Self(6);

    /// The documented name (`UserStatusToName`); `Custom` for numbers that applications define.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "Offline",
            1 => "Invisible",
            2 => "Online",
            3 => "Away",
            4 => "Dnd",
            5 => "Lfg",
            6 => "Playing",
            _ => "Custom",
        }
    }
}

impl From<i32> for UserStatus {
    fn from(status: i32) -> Self {
        Self(status)
    }
}

impl fmt::Display for UserStatus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.name(), self.0)
    }
}
