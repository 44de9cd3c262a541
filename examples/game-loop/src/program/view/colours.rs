//! The colours. Text has a contrast of at least 4.5 to 1 to what is behind it.

use macroquad::color::Color;

pub(super) const GRASS: Color = rgb(0x9ccf7c);
pub(super) const GRASS_STRIPE: Color = rgb(0xa5d685);
pub(super) const GRASS_TUFT: Color = rgb(0x86bd67);
pub(super) const SAND: Color = rgb(0xe6d3a0);
pub(super) const SAND_EDGE: Color = rgb(0xd6c189);
pub(super) const WATER: Color = rgb(0x5db8e0);
pub(super) const WATER_DEEP: Color = rgb(0x49a5d3);
pub(super) const RIPPLE: Color = rgb(0x9ad9f2);
pub(super) const LILY: Color = rgb(0x4f9e5a);
pub(super) const TRUNK: Color = rgb(0x8a6242);
pub(super) const LEAVES: [Color; 3] = [rgb(0x3f8f55), rgb(0x4fa564), rgb(0x66b878)];
pub(super) const FLOWERS: [Color; 3] = [rgb(0xfff6e0), rgb(0xf9d35c), rgb(0xf0a6c8)];
pub(super) const STAR: Color = rgb(0xffd23f);
pub(super) const STAR_EDGE: Color = rgb(0xc98a12);

pub(super) const PAGE: Color = rgb(0x171d2b);
pub(super) const CARD: Color = rgb(0x222a3c);
pub(super) const CARD_LIGHT: Color = rgb(0x303a50);
pub(super) const TEXT: Color = rgb(0xf2f5fa);
pub(super) const TEXT_DIM: Color = rgb(0xaab6cc);
pub(super) const INK: Color = rgb(0x20263a);
pub(super) const GOOD: Color = rgb(0x5fd38d);
pub(super) const WARN: Color = rgb(0xffb84d);
pub(super) const BAD: Color = rgb(0xff7d7d);
pub(super) const BLUE: Color = rgb(0x7fb2ff);
pub(super) const WHITE: Color = rgb(0xffffff);

/// The colours of players: body, and the lighter one of the name on a dark card.
const PLAYERS: [(Color, Color); 6] = [
    (rgb(0xd0508f), rgb(0xff9fca)),
    (rgb(0x8a5fd6), rgb(0xc7a8ff)),
    (rgb(0x3f7fe0), rgb(0x8fbcff)),
    (rgb(0xe08a1e), rgb(0xffc26e)),
    (rgb(0x128f8a), rgb(0x66ddd3)),
    (rgb(0xe8604c), rgb(0xff9d8e)),
];

pub(super) fn body(number: usize) -> Color {
    PLAYERS[number % PLAYERS.len()].0
}

pub(super) fn name(number: usize) -> Color {
    PLAYERS[number % PLAYERS.len()].1
}

/// A colour with another opacity.
pub(super) const fn faded(colour: Color, opacity: f32) -> Color {
    Color {
        a: colour.a * opacity,
        ..colour
    }
}

/// A mixture of two colours: 0 is the first, 1 the second.
pub(super) fn mix(from: Color, to: Color, share: f32) -> Color {
    let part = |from: f32, to: f32| from + (to - from) * share;
    Color::new(
        part(from.r, to.r),
        part(from.g, to.g),
        part(from.b, to.b),
        part(from.a, to.a),
    )
}

const fn rgb(code: u32) -> Color {
    Color::new(
        ((code >> 16) & 0xff) as f32 / 255.0,
        ((code >> 8) & 0xff) as f32 / 255.0,
        (code & 0xff) as f32 / 255.0,
        1.0,
    )
}
