//! The keyboard as [`Input`].

use game_loop::model::{Input, Key};
use macroquad::input::{KeyCode, get_char_pressed, is_key_down, is_key_pressed};

/// The keys with a meaning of their own. Letters come as characters, so that every layout works.
const KEYS: [(KeyCode, Key); 9] = [
    (KeyCode::Enter, Key::Enter),
    (KeyCode::KpEnter, Key::Enter),
    (KeyCode::Escape, Key::Escape),
    (KeyCode::Backspace, Key::Backspace),
    (KeyCode::Tab, Key::Tab),
    (KeyCode::F1, Key::Loss),
    (KeyCode::F2, Key::Delay),
    (KeyCode::F3, Key::Cut),
    (KeyCode::F4, Key::Stop),
];

pub(crate) fn input() -> Input {
    let axis = |less, more| {
        f32::from(u8::from(is_key_down(more))) - f32::from(u8::from(is_key_down(less)))
    };
    let mut keys: Vec<Key> = KEYS
        .iter()
        .filter(|(code, _)| is_key_pressed(*code))
        .map(|(_, key)| *key)
        .collect();
    // A text before the Enter of the same frame, and after the Enter that begins it: a person takes longer
    // than a frame, and a program that types faster begins with Enter alone.
    let characters =
        std::iter::from_fn(get_char_pressed).filter(|character| !character.is_control());
    keys.splice(0..0, characters.map(Key::Character));
    Input {
        direction: (
            axis(KeyCode::Left, KeyCode::Right),
            axis(KeyCode::Up, KeyCode::Down),
        ),
        keys,
    }
}
