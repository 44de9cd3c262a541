//! [`Input`] of a frame, and the [`Intent`]s that follow from it.

use super::field::Step;
use super::tabs::Target;
use super::troubles::Troubles;

/// The player's actions since the last frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    /// The direction of the walk: right and down are positive.
    pub direction: (f32, f32),
    /// The keys that went down, in order.
    pub keys: Vec<Key>,
}

/// A key with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character of a text.
    Character(char),
    /// Begins a text, and sends it.
    Enter,
    /// Ends a text without sending it, or the game.
    Escape,
    /// Removes the last character.
    Backspace,
    /// Shows the next tab.
    Tab,
    /// Switches the loss.
    Loss,
    /// Switches the delay.
    Delay,
    /// Cuts the line, or mends it.
    Cut,
    /// Stops the server, or starts it.
    Stop,
}

/// Something that the game cannot do by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Send the position.
    Step(Step),
    /// Send a text.
    Say {
        /// The receiver.
        target: Target,
        /// The text.
        text: String,
    },
    /// Ask the server for the star with this number. The points are those of the player if it is granted.
    TakeStar {
        /// The number of the star.
        number: u32,
        /// The points of the player with it.
        points: u32,
    },
    /// Disturb the line in this way.
    Disturb(Troubles),
    /// End the game.
    Quit,
}
