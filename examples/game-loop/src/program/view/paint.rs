//! Shapes and text with smooth edges, without multisampling, which software rendering has no time for:
//! each shape is a small texture, made once, whose edge pixels are partly transparent.

use std::borrow::Cow;
use std::collections::HashMap;
use std::error::Error;

use macroquad::color::Color;
use macroquad::math::{Rect, vec2};
use macroquad::shapes::draw_rectangle;
use macroquad::text::{Font, TextParams, draw_text_ex, load_ttf_font_from_bytes, measure_text};
use macroquad::texture::{DrawTextureParams, Image, Texture2D, draw_texture_ex};

use super::colours::WHITE;

/// The sizes of text, in pixels: names and notes, text, titles.
pub(super) const SMALL: u16 = 15;
pub(super) const NORMAL: u16 = 17;
pub(super) const LARGE: u16 = 20;
/// The characters that are shown beside the Latin ones.
const PUNCTUATION: &str = "…–—‘’“”•€";
/// Points in each direction of a pixel that decide how much of it a shape covers.
const SAMPLES: u16 = 4;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Medium,
    Bold,
}

/// A shape of which textures exist. The number is a size in half pixels.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Shape {
    Disc(u16),
    Ring(u16),
    Star(u16),
    Tail(u16),
}

pub(super) struct Paint {
    medium: Font,
    bold: Font,
    shapes: HashMap<Shape, Texture2D>,
    glow: Texture2D,
}

impl Paint {
    pub(super) fn new() -> Result<Self, Box<dyn Error>> {
        let load = |bytes: &[u8]| {
            load_ttf_font_from_bytes(bytes)
                .map_err(|error| format!("the font is not readable: {error}"))
        };
        let (medium, bold) = (
            load(include_bytes!("../../../fonts/Cabin-Medium.otf"))?,
            load(include_bytes!("../../../fonts/Cabin-Bold.otf"))?,
        );
        // Before the first frame: a font that grows while a frame is drawn moves what is drawn already.
        let characters: Vec<char> = ('\u{20}'..='\u{17f}').chain(PUNCTUATION.chars()).collect();
        for font in [&medium, &bold] {
            for size in [SMALL, NORMAL, LARGE] {
                font.populate_font_cache(&characters, size);
            }
        }
        let glow = texture(128, 128, |x, y| {
            let distance = (x - 64.0).hypot(y - 64.0) / 64.0;
            (1.0 - distance).max(0.0).powi(2)
        });
        Ok(Self {
            medium,
            bold,
            shapes: HashMap::new(),
            glow,
        })
    }

    fn shape(&mut self, shape: Shape) -> Texture2D {
        self.shapes
            .entry(shape)
            .or_insert_with(|| shape.texture())
            .clone()
    }

    pub(super) fn disc(&mut self, x: f32, y: f32, radius: f32, colour: Color) {
        self.ellipse(x, y, radius, radius, colour);
    }

    pub(super) fn ellipse(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Color) {
        // A texture of the larger radius, with a pixel around it for the smooth edge.
        let size = half_pixels(width.max(height));
        let texture = self.shape(Shape::Disc(size));
        let radius = f32::from(size) / 2.0;
        let (w, h) = (
            texture.width() * width / radius,
            texture.height() * height / radius,
        );
        draw(
            &texture,
            Rect::new(x - w / 2.0, y - h / 2.0, w, h),
            None,
            colour,
        );
    }

    pub(super) fn ring(&mut self, x: f32, y: f32, radius: f32, colour: Color) {
        self.centred(Shape::Ring(half_pixels(radius)), x, y, colour);
    }

    pub(super) fn star(&mut self, x: f32, y: f32, radius: f32, colour: Color) {
        self.centred(Shape::Star(half_pixels(radius)), x, y, colour);
    }

    /// A shape in its own size around a point.
    fn centred(&mut self, shape: Shape, x: f32, y: f32, colour: Color) {
        let texture = self.shape(shape);
        let size = texture.width();
        let target = Rect::new(x - size / 2.0, y - size / 2.0, size, size);
        draw(&texture, target, None, colour);
    }

    /// The tail of a bubble, which points down to `x`, from `y` on.
    pub(super) fn tail(&mut self, x: f32, y: f32, width: f32, colour: Color) {
        let texture = self.shape(Shape::Tail(half_pixels(width)));
        let (w, h) = (texture.width(), texture.height());
        draw(&texture, Rect::new(x - w / 2.0, y, w, h), None, colour);
    }

    pub(super) fn glow(&mut self, x: f32, y: f32, radius: f32, colour: Color) {
        let target = Rect::new(x - radius, y - radius, radius * 2.0, radius * 2.0);
        draw(&self.glow, target, None, colour);
    }

    pub(super) fn rounded(&mut self, area: Rect, radius: f32, colour: Color) {
        let radius = radius.min(area.w / 2.0).min(area.h / 2.0).floor();
        let texture = self.shape(Shape::Disc(half_pixels(radius)));
        let Rect { x, y, w, h } = area;
        draw_rectangle(x + radius, y, w - 2.0 * radius, h, colour);
        draw_rectangle(x, y + radius, radius, h - 2.0 * radius, colour);
        draw_rectangle(x + w - radius, y + radius, radius, h - 2.0 * radius, colour);
        let quarter = |right: bool, below: bool| {
            let at = |second: bool| 1.0 + if second { radius } else { 0.0 };
            let source = Rect::new(at(right), at(below), radius, radius);
            let target = Rect::new(
                if right { x + w - radius } else { x },
                if below { y + h - radius } else { y },
                radius,
                radius,
            );
            draw(&texture, target, Some(source), colour);
        };
        quarter(false, false);
        quarter(true, false);
        quarter(false, true);
        quarter(true, true);
    }

    /// Writes a text from `x`, on the base line `y`. Returns its width.
    pub(super) fn text(
        &self,
        text: &str,
        x: f32,
        y: f32,
        size: u16,
        weight: Weight,
        colour: Color,
    ) -> f32 {
        let params = TextParams {
            font: Some(self.font(weight)),
            font_size: size,
            color: colour,
            ..TextParams::default()
        };
        // On whole pixels, or the letters blur.
        draw_text_ex(shown(text), x.round(), y.round(), params).width
    }

    pub(super) fn width(&self, text: &str, size: u16, weight: Weight) -> f32 {
        measure_text(shown(text), Some(self.font(weight)), size, 1.0).width
    }

    fn font(&self, weight: Weight) -> &Font {
        match weight {
            Weight::Medium => &self.medium,
            Weight::Bold => &self.bold,
        }
    }

    /// The text in lines of at most this width; the first one begins `indent` further right. A word that
    /// is too long is broken.
    pub(super) fn wrap(&self, text: &str, width: f32, indent: f32, size: u16) -> Vec<String> {
        let fits = |line: &str, is_first: bool| {
            let indent = if is_first { indent } else { 0.0 };
            self.width(line, size, Weight::Medium) + indent <= width
        };
        let mut lines = vec![String::new()];
        for word in text.split_whitespace() {
            let is_first = lines.len() == 1;
            let Some(line) = lines.last_mut() else { break };
            let longer = if line.is_empty() {
                word.to_owned()
            } else {
                format!("{line} {word}")
            };
            if fits(&longer, is_first) {
                *line = longer;
                continue;
            }
            let mut rest = String::new();
            for character in word.chars() {
                rest.push(character);
                if !fits(&rest, false) {
                    rest.pop();
                    lines.push(std::mem::replace(&mut rest, character.to_string()));
                }
            }
            lines.push(rest);
        }
        lines
    }

    /// The end of a text that fits into this width.
    pub(super) fn tail_of<'a>(&self, text: &'a str, width: f32, size: u16) -> &'a str {
        let mut rest = text;
        while self.width(rest, size, Weight::Medium) > width
            && let Some((index, _)) = rest.char_indices().nth(1)
        {
            rest = &rest[index..];
        }
        rest
    }
}

impl Shape {
    fn texture(self) -> Texture2D {
        match self {
            Self::Disc(size) => {
                let (radius, pixels) = (f32::from(size) / 2.0, size + 2);
                let centre = f32::from(pixels) / 2.0;
                texture(pixels, pixels, |x, y| {
                    inside((x - centre).hypot(y - centre) <= radius)
                })
            }
            Self::Ring(size) => {
                let (radius, pixels) = (f32::from(size) / 2.0, size + 2);
                let centre = f32::from(pixels) / 2.0;
                texture(pixels, pixels, |x, y| {
                    inside((radius - 2.5..=radius).contains(&(x - centre).hypot(y - centre)))
                })
            }
            Self::Star(size) => {
                let (radius, pixels) = (f32::from(size) / 2.0, size + 2);
                let centre = f32::from(pixels) / 2.0;
                texture(pixels, pixels, |x, y| {
                    let (x, y) = ((x - centre) / radius, (y - centre) / radius);
                    inside(x.hypot(y) <= star_edge(y.atan2(x)))
                })
            }
            Self::Tail(size) => {
                let (width, height) = (size / 2, size / 3);
                let half = f32::from(width) / 2.0;
                texture(width, height, |x, y| {
                    inside((x - half).abs() <= half * (1.0 - y / f32::from(height)))
                })
            }
        }
    }
}

/// The text with question marks in place of what the font does not have. Others choose the characters: the
/// textures of the font must not grow with each new one. A game for everyone needs more fonts.
fn shown(text: &str) -> Cow<'_, str> {
    let is_known = |character: char| {
        matches!(character, ' '..='~' | '\u{a0}'..='\u{17f}') || PUNCTUATION.contains(character)
    };
    if text.chars().all(is_known) {
        return Cow::Borrowed(text);
    }
    let known = |character| if is_known(character) { character } else { '?' };
    Cow::Owned(text.chars().map(known).collect())
}

/// The distance of the edge of a star with five points from its centre, in this direction.
fn star_edge(angle: f32) -> f32 {
    use std::f32::consts::PI;
    const INNER: f32 = 0.52;
    // The angle from the nearest point, of which one is at the top; the edge to the next inner corner is
    // a straight line.
    let angle = (angle + PI / 2.0).rem_euclid(2.0 * PI / 5.0);
    let angle = angle.min(2.0 * PI / 5.0 - angle);
    let (corner, inner) = (
        (1.0, 0.0),
        (INNER * (PI / 5.0).cos(), INNER * (PI / 5.0).sin()),
    );
    let (dx, dy): (f32, f32) = (inner.0 - corner.0, inner.1 - corner.1);
    let (cos, sin) = (angle.cos(), angle.sin());
    (corner.0 * dy - corner.1 * dx) / (cos * dy - sin * dx)
}

fn inside(is_inside: bool) -> f32 {
    f32::from(u8::from(is_inside))
}

fn half_pixels(size: f32) -> u16 {
    // Sizes are those of shapes in the window.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let size = (size * 2.0).round().clamp(2.0, 1000.0) as u16;
    size
}

/// A white texture. `coverage` is how much of a point is covered.
fn texture(width: u16, height: u16, coverage: impl Fn(f32, f32) -> f32) -> Texture2D {
    let mut image = Image::gen_image_color(width, height, Color { a: 0.0, ..WHITE });
    let at =
        |pixel: u16, sample: u16| f32::from(pixel) + (f32::from(sample) + 0.5) / f32::from(SAMPLES);
    for x in 0..width {
        for y in 0..height {
            let mut sum = 0.0;
            for (i, j) in (0..SAMPLES).flat_map(|i| (0..SAMPLES).map(move |j| (i, j))) {
                sum += coverage(at(x, i), at(y, j));
            }
            let a = sum / f32::from(SAMPLES * SAMPLES);
            image.set_pixel(x.into(), y.into(), Color { a, ..WHITE });
        }
    }
    Texture2D::from_image(&image)
}

fn draw(texture: &Texture2D, target: Rect, source: Option<Rect>, colour: Color) {
    let params = DrawTextureParams {
        dest_size: Some(vec2(target.w, target.h)),
        source,
        ..DrawTextureParams::default()
    };
    draw_texture_ex(texture, target.x, target.y, colour, params);
}
