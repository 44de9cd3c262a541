//! The picture of a [`Game`]. It reads the game and changes nothing.

mod chat;
mod colours;
mod ground;
mod paint;
mod panel;
mod people;

use std::error::Error;
use std::path::Path;

use game_loop::model::Game;
use macroquad::texture::get_screen_data;
use macroquad::window::clear_background;
use paint::Paint;

/// The size of the window: the field, the overlay to the right of it, the keys below it.
pub(crate) const WIDTH: f32 = 1120.0;
pub(crate) const HEIGHT: f32 = 630.0;

pub(crate) struct View {
    paint: Paint,
}

impl View {
    /// Loads the font. The window must be open.
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            paint: Paint::new()?,
        })
    }

    pub(crate) fn draw(&mut self, game: &Game) {
        let paint = &mut self.paint;
        clear_background(colours::GRASS);
        ground::draw(paint, game);
        people::draw(paint, game);
        panel::draw(paint, game);
        chat::draw(paint, game);
    }

    /// Writes what was drawn to a file.
    pub(crate) fn save(&self, file: &Path) -> Result<(), Box<dyn Error>> {
        let file = file
            .to_str()
            .ok_or("--screenshot: the name of the file is not Unicode")?;
        // The library panics where it cannot write.
        std::fs::write(file, []).map_err(|error| format!("--screenshot {file}: {error}"))?;
        let mut picture = get_screen_data();
        // What lies under half-transparent parts is part of the picture, not of what shows it.
        picture
            .bytes
            .iter_mut()
            .skip(3)
            .step_by(4)
            .for_each(|alpha| *alpha = u8::MAX);
        picture.export_png(file);
        Ok(())
    }
}
