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
use macroquad::math::vec2;
use macroquad::texture::{
    DrawTextureParams, FilterMode, Image, Texture2D, draw_texture_ex, get_screen_data,
};
use macroquad::window::clear_background;
use paint::Paint;

/// The size of the window: the field, the overlay to the right of it, the keys below it.
pub(crate) const WIDTH: f32 = 1120.0;
pub(crate) const HEIGHT: f32 = 630.0;

pub(crate) struct View {
    paint: Paint,
    /// The parts that never change, after the first frame: software rendering has no time for large areas.
    still: Option<Texture2D>,
}

impl View {
    /// Loads the font. The window must be open.
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            paint: Paint::new()?,
            still: None,
        })
    }

    pub(crate) fn draw(&mut self, game: &Game) {
        let paint = &mut self.paint;
        if let Some(still) = &self.still {
            let params = DrawTextureParams {
                dest_size: Some(vec2(WIDTH, HEIGHT)),
                // The screen is read from the bottom up.
                flip_y: true,
                ..DrawTextureParams::default()
            };
            draw_texture_ex(still, 0.0, 0.0, colours::WHITE, params);
        } else {
            clear_background(colours::GRASS);
            ground::draw_still(paint);
            panel::draw_still(paint);
            chat::draw_still(paint);
            let still = Texture2D::from_image(&screen());
            still.set_filter(FilterMode::Nearest);
            self.still = Some(still);
        }
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
        screen().export_png(file);
        Ok(())
    }
}

/// The picture so far, opaque: smooth edges leave their transparency in the screen's own picture.
fn screen() -> Image {
    let mut image = get_screen_data();
    let alphas = image.bytes.iter_mut().skip(3).step_by(4);
    alphas.for_each(|alpha| *alpha = u8::MAX);
    image
}
