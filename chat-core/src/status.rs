//! [`UserStatus`]: the numbers of chat.md 1.4.

use core::fmt;

/// A user's status. Any number is allowed; from 2 on it counts as online and may carry a message.
/// Spec: chat.md 1.4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserStatus(i32);

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

    /// The status with this number. An application may define its own, from 7 on.
    #[must_use]
    pub const fn new(code: i32) -> Self {
        Self(code)
    }

    /// The number that the server uses.
    #[must_use]
    pub const fn code(self) -> i32 {
        self.0
    }

    /// Whether friends see the user as online: true from 2 on.
    #[must_use]
    pub const fn is_online(self) -> bool {
        self.0 >= 2
    }

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
    fn from(code: i32) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for UserStatus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.name(), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::UserStatus;

    #[test]
    fn offline_and_invisible_users_are_not_online_and_custom_numbers_are() {
        for (status, online) in [
            (UserStatus::new(-1), false),
            (UserStatus::OFFLINE, false),
            (UserStatus::INVISIBLE, false),
            (UserStatus::ONLINE, true),
            (UserStatus::PLAYING, true),
            (UserStatus::new(77), true),
        ] {
            assert_eq!(status.is_online(), online, "{status}");
        }
    }
}
