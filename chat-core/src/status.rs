//! [`UserStatus`]: the status of a user. Spec: chat.md 1.4.

use core::fmt;

/// The status of a user.
///
/// A number, not an enum: an application may define its own from 7 on. The server sends 0 or 1
/// without a status message; from 2 on a user counts as online and may have one.
///
/// ```
/// use chat_core::UserStatus;
///
/// const IN_MATCH: UserStatus = UserStatus::new(42);
/// assert!(IN_MATCH.is_online());
/// assert_eq!(UserStatus::AWAY.to_string(), "Away (3)");
/// ```
///
/// Spec: chat.md 1.4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserStatus(i32);

impl UserStatus {
    /// 0: not connected.
    pub const OFFLINE: Self = Self(0);
    /// 1: connected, but friends see the user as offline.
    pub const INVISIBLE: Self = Self(1);
    /// 2: online.
    pub const ONLINE: Self = Self(2);
    /// 3: away.
    pub const AWAY: Self = Self(3);
    /// 4: do not disturb.
    pub const DND: Self = Self(4);
    /// 5: looking for a game or a group.
    pub const LFG: Self = Self(5);
    /// 6: playing.
    pub const PLAYING: Self = Self(6);

    /// Makes a status from its number.
    #[must_use]
    pub const fn new(code: i32) -> Self {
        Self(code)
    }

    /// Returns the number of the status.
    #[must_use]
    pub const fn code(self) -> i32 {
        self.0
    }

    /// Whether the user counts as online: from 2 on. An invisible user does not.
    #[must_use]
    pub const fn is_online(self) -> bool {
        self.0 >= 2
    }

    /// Returns the documented name (`UserStatusToName`), or `Custom` for any other number.
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
