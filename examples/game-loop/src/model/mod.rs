//! The game without graphics, sockets or clock, so that tests play it in virtual time.

mod field;
mod frames;
mod game;
mod input;
mod link;
mod player;
mod tabs;
mod text;
mod troubles;

pub use field::{
    FIELD, Kind, OBSTACLES, Obstacle, PLAYER_RADIUS, Position, STAR_RADIUS, Step, WALK_SPEED, star,
    walk,
};
pub use frames::{Frame, Frames};
pub use game::Game;
pub use input::{Input, Intent, Key};
pub use link::{Link, Phase};
pub use player::{Bubble, Footprint, Player};
pub use tabs::{Entry, Kind as EntryKind, Tab, Tabs, Target};
pub use text::{clean, name_of};
pub use troubles::Troubles;
