//! Players with their names and speech bubbles.

use game_loop::model::{Bubble, FIELD, Game, Kind, OBSTACLES, PLAYER_RADIUS, Player};
use macroquad::math::Rect;

use super::colours::{self, faded, mix};
use super::paint::{NORMAL, Paint, SMALL, Weight};
use super::{ground, paint};

/// The widest line of a bubble.
const BUBBLE_WIDTH: f32 = 210.0;
/// The most lines of a bubble; the tab has the whole text.
const BUBBLE_LINES: usize = 4;
const LINE: f32 = 21.0;
/// The distance from which on the position that the server has last sent back is shown.
const SHOWN_LAG: f32 = 34.0;

pub(super) fn draw(paint: &mut Paint, game: &Game) {
    if let Some(echo) = game.echo
        && echo.distance(game.me.position) > SHOWN_LAG
    {
        let colour = colours::body(game.me.colour);
        paint.ring(echo.x, echo.y, PLAYER_RADIUS, faded(colours::WHITE, 0.9));
        paint.ring(echo.x, echo.y, PLAYER_RADIUS - 2.0, faded(colour, 0.9));
        label(
            paint,
            "seen here",
            echo.x,
            echo.y + PLAYER_RADIUS + 6.0,
            0.6,
        );
    }
    // From the back to the front, so that who stands before a tree hides it.
    let mut things: Vec<(f32, Thing<'_>)> = OBSTACLES
        .iter()
        .filter(|obstacle| obstacle.kind == Kind::Tree)
        .map(|tree| (tree.at.y, Thing::Tree(tree)))
        .chain(
            game.others
                .iter()
                .chain([&game.me])
                .map(|player| (player.position.y, Thing::Player(player))),
        )
        .collect();
    things.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (_, thing) in &things {
        match thing {
            Thing::Tree(tree) => ground::tree(paint, tree),
            Thing::Player(player) => figure(paint, player, game),
        }
    }
    // Above everybody: texts matter more than who stands behind them. Our own last, so that we see it.
    for player in game.others.iter().chain([&game.me]) {
        if let Some(text) = &player.bubble {
            bubble(paint, player, text, game);
        }
    }
}

enum Thing<'a> {
    Tree(&'a game_loop::model::Obstacle),
    Player(&'a Player),
}

fn figure(paint: &mut Paint, player: &Player, game: &Game) {
    let (x, y) = (player.position.x, player.position.y);
    let colour = colours::body(player.colour);
    let dark = mix(colour, colours::INK, 0.35);
    let swing = (player.walked / 9.0).sin();
    let hop = if player.walks {
        swing.abs() * 3.0
    } else {
        (game.now.as_secs_f32() * 2.0).sin()
    };
    paint.ellipse(x, y + 16.0, 16.0, 5.0, faded(colours::INK, 0.25));
    let step = if player.walks { swing * 3.0 } else { 0.0 };
    paint.ellipse(x - 7.0, y + 14.0 - step.max(0.0), 5.0, 4.0, dark);
    paint.ellipse(x + 7.0, y + 14.0 + step.min(0.0), 5.0, 4.0, dark);
    let y = y - hop;
    paint.disc(x, y, PLAYER_RADIUS, dark);
    paint.disc(x, y, PLAYER_RADIUS - 2.0, colour);
    paint.ellipse(x - 5.0, y - 8.0, 6.0, 3.5, faded(colours::WHITE, 0.3));
    let look = if player.looks_left { -1.0 } else { 1.0 };
    for side in [-5.5, 5.5] {
        let x = x + side + 3.0 * look;
        paint.disc(x, y - 2.0, 4.5, colours::WHITE);
        paint.disc(x + 1.5 * look, y - 1.5, 2.5, colours::INK);
    }
    paint.ellipse(x + 3.0 * look, y + 7.0, 3.5, 1.5, dark);
    label(
        paint,
        &player.name,
        player.position.x,
        player.position.y + 24.0,
        0.75,
    );
}

/// A name on a dark label, whose top is at `y`.
fn label(paint: &mut Paint, text: &str, x: f32, y: f32, opacity: f32) {
    let width = paint.width(text, SMALL, Weight::Bold) + 14.0;
    let x = within(x - width / 2.0, 4.0, FIELD.0 - width - 4.0).round();
    let y = y.min(FIELD.1 - 22.0).round();
    paint.rounded(
        Rect::new(x, y, width, 20.0),
        9.0,
        faded(colours::INK, opacity),
    );
    paint.text(text, x + 7.0, y + 15.0, SMALL, Weight::Bold, colours::WHITE);
}

fn bubble(paint: &mut Paint, player: &Player, bubble: &Bubble, game: &Game) {
    let mut lines = balanced(paint, &bubble.text);
    if lines.len() > BUBBLE_LINES {
        lines.truncate(BUBBLE_LINES);
        lines[BUBBLE_LINES - 1].push('…');
    }
    let text_width = lines
        .iter()
        .map(|line| paint.width(line, NORMAL, Weight::Medium))
        .fold(0.0, f32::max);
    let (width, height) = (text_width.round() + 24.0, lines.len() as f32 * LINE + 16.0);
    let age = game.now.saturating_sub(bubble.since).as_secs_f32();
    let rest = bubble.until.saturating_sub(game.now).as_secs_f32();
    let opacity = (age / 0.12).min(rest / 0.4).clamp(0.0, 1.0);
    let (x, y) = (player.position.x, player.position.y);
    let left = within(x - width / 2.0, 8.0, FIELD.0 - width - 8.0).round();
    // Above the player, or below it where there is no space.
    let is_above = y - PLAYER_RADIUS - 14.0 - height > 8.0;
    let top = if is_above {
        y - PLAYER_RADIUS - 14.0 - height
    } else {
        y + PLAYER_RADIUS + 34.0
    }
    .round();
    let area = Rect::new(left, top, width, height);
    let shadow = Rect {
        y: top + 3.0,
        ..area
    };
    // An edge as well, so that two bubbles that touch are two.
    let edge = Rect::new(left - 1.0, top - 1.0, width + 2.0, height + 2.0);
    paint.rounded(shadow, 12.0, faded(colours::INK, 0.18 * opacity));
    paint.rounded(edge, 13.0, faded(colours::INK, 0.3 * opacity));
    paint.rounded(area, 12.0, faded(colours::WHITE, opacity));
    if is_above {
        let tip = within(x, left + 18.0, left + width - 18.0).round();
        paint.tail(tip, top + height, 18.0, faded(colours::WHITE, opacity));
    }
    for (number, line) in lines.iter().enumerate() {
        let base = top + 8.0 + 16.0 + number as f32 * LINE;
        paint.text(
            line,
            left + 12.0,
            base,
            paint::NORMAL,
            Weight::Medium,
            faded(colours::INK, opacity),
        );
    }
}

/// The lines of a text, as long as each other where possible: a last line of one word looks lost.
fn balanced(paint: &Paint, text: &str) -> Vec<String> {
    let count = paint.wrap(text, BUBBLE_WIDTH, 0.0, NORMAL).len();
    let mut width = BUBBLE_WIDTH;
    while width > 60.0 && paint.wrap(text, width - 10.0, 0.0, NORMAL).len() == count {
        width -= 10.0;
    }
    paint.wrap(text, width, 0.0, NORMAL)
}

/// The number nearest to `value` from `least` to `most`. Not `clamp`, which panics where there is no such
/// number: then `least`, so that the beginning of what is too wide is seen.
fn within(value: f32, least: f32, most: f32) -> f32 {
    value.min(most).max(least)
}
