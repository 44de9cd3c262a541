//! The field: grass, path, pond, trees, and the star.

use game_loop::model::{FIELD, Game, Kind, OBSTACLES, Obstacle, STAR_RADIUS, star};
use macroquad::color::Color;
use macroquad::shapes::draw_rectangle;

use super::colours::{self, faded};
use super::paint::Paint;

const STRIPE: f32 = 74.0;

/// Draws the parts that never change.
pub(super) fn draw_still(paint: &mut Paint) {
    let mut x = 0.0;
    while x < FIELD.0 {
        draw_rectangle(x, 0.0, STRIPE, FIELD.1, colours::GRASS_STRIPE);
        x += 2.0 * STRIPE;
    }
    path(paint);
    for number in 0..90 {
        let (x, y) = (spread(number, 3, FIELD.0), spread(number, 7, FIELD.1));
        tuft(paint, x, y);
        if number % 3 == 0 {
            let (x, y) = (spread(number, 11, FIELD.0), spread(number, 13, FIELD.1));
            flower(paint, x, y, number);
        }
    }
    for obstacle in ponds() {
        pond(paint, obstacle);
    }
}

pub(super) fn draw(paint: &mut Paint, game: &Game) {
    let now = game.now.as_secs_f32();
    for obstacle in ponds() {
        ripples(paint, obstacle, now);
    }
    footprints(paint, game);
    the_star(paint, game, now);
}

fn ponds() -> impl Iterator<Item = &'static Obstacle> {
    OBSTACLES
        .iter()
        .filter(|obstacle| obstacle.kind == Kind::Pond)
}

/// A number from 0 to `most` that looks random and is the same in every frame.
fn spread(number: u32, salt: u32, most: f32) -> f32 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9) ^ salt.wrapping_mul(0x85eb_ca6b);
    for _ in 0..2 {
        mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x2c1b_3c6d);
        mixed = (mixed ^ (mixed >> 12)).wrapping_mul(0x297a_2d39);
    }
    f32::from((mixed >> 16) as u16) / f32::from(u16::MAX) * most
}

fn path(paint: &mut Paint) {
    for (wider, colour) in [(3.0, colours::SAND_EDGE), (0.0, colours::SAND)] {
        for part in 0..=130 {
            let x = part as f32 * 6.0 - 20.0;
            let y = 172.0 + 26.0 * (x / 120.0).sin() - x * 0.03;
            paint.disc(x, y, 17.0 + wider + 2.0 * (x / 37.0).cos(), colour);
        }
    }
}

fn tuft(paint: &mut Paint, x: f32, y: f32) {
    for (dx, dy, height) in [(-4.0, 1.0, 4.0), (0.0, 0.0, 6.0), (4.0, 1.0, 4.0)] {
        paint.ellipse(x + dx, y + dy, 1.5, height, faded(colours::GRASS_TUFT, 0.8));
    }
}

fn flower(paint: &mut Paint, x: f32, y: f32, number: u32) {
    let colour = colours::FLOWERS[number as usize / 3 % colours::FLOWERS.len()];
    for (dx, dy) in [(-2.5, 0.0), (2.5, 0.0), (0.0, -2.5), (0.0, 2.5)] {
        paint.disc(x + dx, y + dy, 2.2, colour);
    }
    paint.disc(x, y, 1.8, colours::STAR_EDGE);
}

fn pond(paint: &mut Paint, pond: &Obstacle) {
    let (x, y, r) = (pond.at.x, pond.at.y, pond.radius);
    paint.disc(x, y, r + 6.0, colours::SAND_EDGE);
    paint.disc(x, y, r + 2.0, colours::SAND);
    paint.disc(x, y, r - 4.0, colours::WATER);
    paint.disc(x + 6.0, y + 8.0, r - 24.0, colours::WATER_DEEP);
    for (dx, dy, r) in [(34.0, 30.0, 10.0), (46.0, 14.0, 7.0), (-42.0, 16.0, 9.0)] {
        paint.ellipse(x + dx, y + dy, r, r * 0.7, colours::LILY);
    }
    paint.disc(x + 36.0, y + 27.0, 3.0, colours::FLOWERS[2]);
}

fn ripples(paint: &mut Paint, pond: &Obstacle, now: f32) {
    for (number, (dx, dy)) in [(-26.0, -24.0), (22.0, -6.0), (-8.0, 30.0)]
        .into_iter()
        .enumerate()
    {
        let age = (now / 3.0 + number as f32 / 3.0).fract();
        let colour = faded(colours::RIPPLE, 0.8 * (1.0 - age));
        paint.ring(pond.at.x + dx, pond.at.y + dy, 3.0 + age * 16.0, colour);
    }
}

/// A tree. People draw it between those behind it and those before it.
pub(super) fn tree(paint: &mut Paint, tree: &Obstacle) {
    let (x, y, r) = (tree.at.x, tree.at.y, tree.radius);
    paint.ellipse(
        x + 5.0,
        y + r * 0.7,
        r * 1.7,
        r * 0.7,
        faded(colours::INK, 0.18),
    );
    paint.ellipse(x, y, r * 0.36, r * 0.95, colours::TRUNK);
    let crown: [(f32, f32, f32, Color); 4] = [
        (-0.7, -1.2, 1.15, colours::LEAVES[0]),
        (0.75, -1.25, 1.1, colours::LEAVES[0]),
        (0.0, -1.75, 1.3, colours::LEAVES[1]),
        (-0.3, -2.1, 0.75, colours::LEAVES[2]),
    ];
    for (dx, dy, size, colour) in crown {
        paint.disc(x + dx * r, y + dy * r, size * r, colour);
    }
}

fn footprints(paint: &mut Paint, game: &Game) {
    for player in game.others.iter().chain([&game.me]) {
        for print in &player.footprints {
            let whole = (print.until - print.since).as_secs_f32();
            let rest = print.until.saturating_sub(game.now).as_secs_f32() / whole;
            let colour = colours::body(player.colour);
            let (x, y) = (print.at.x, print.at.y + 13.0);
            if print.missed {
                // A way that we did not see while it was walked.
                paint.disc(x, y, 6.0, faded(colours::WHITE, 0.9 * rest.min(0.25) * 4.0));
                paint.disc(x, y, 4.0, faded(colour, rest.min(0.25) * 4.0));
            } else {
                paint.disc(x, y, 3.5, faded(colour, 0.5 * rest));
            }
        }
    }
}

fn the_star(paint: &mut Paint, game: &Game, now: f32) {
    let at = star(game.star);
    let y = at.y + 2.0 * (now * 3.0).sin();
    paint.glow(
        at.x,
        y,
        44.0 + 4.0 * (now * 3.0).cos(),
        faded(colours::WHITE, 0.9),
    );
    paint.ellipse(
        at.x,
        at.y + STAR_RADIUS + 3.0,
        10.0,
        3.0,
        faded(colours::INK, 0.2),
    );
    paint.star(at.x, y, STAR_RADIUS + 5.0, colours::STAR_EDGE);
    paint.star(at.x, y, STAR_RADIUS + 1.5, colours::STAR);
}
