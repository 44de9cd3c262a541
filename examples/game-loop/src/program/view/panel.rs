//! The connection with its graphs, the points, and the keys.

use std::time::Duration;

use game_loop::model::{FIELD, Frame, Game, Phase};
use macroquad::color::Color;
use macroquad::math::Rect;
use macroquad::shapes::draw_rectangle;

use super::colours::{self, faded};
use super::paint::{LARGE, NORMAL, Paint, SMALL, Weight};
use super::{HEIGHT, WIDTH};

/// The space around cards.
pub(super) const GAP: f32 = 10.0;
/// The left edge of the cards, and their width.
pub(super) const LEFT: f32 = FIELD.0 + GAP;
pub(super) const CARD_WIDTH: f32 = WIDTH - LEFT - GAP;
/// The lower edge of the card of the connection.
pub(super) const LINK_END: f32 = 208.0;
const GRAPH_HEIGHT: f32 = 38.0;
/// The width of the bar of a frame: whole pixels, or bars would differ in brightness.
const BAR: f32 = 2.0;
const FRAME_GRAPH: f32 = 94.0;
const SERVICE_GRAPH: f32 = 159.0;
/// The most players whose points fit over the field.
const MAX_SCORES: usize = 4;
/// The top of the graph of frames, and of that of `service` calls.
const MOST_FRAME: Duration = Duration::from_millis(34);
const MOST_SERVICE: Duration = Duration::from_millis(1);
/// A frame at 60 frames a second, and what a `service` call may take.
const FRAME: Duration = Duration::from_micros(16_700);

/// Draws the parts that never change: the cards.
pub(super) fn draw_still(paint: &mut Paint) {
    draw_rectangle(FIELD.0, 0.0, WIDTH - FIELD.0, HEIGHT, colours::PAGE);
    draw_rectangle(0.0, FIELD.1, FIELD.0, HEIGHT - FIELD.1, colours::PAGE);
    let card = Rect::new(LEFT, GAP, CARD_WIDTH, LINK_END - GAP);
    paint.rounded(card, 10.0, colours::CARD);
    for top in [FRAME_GRAPH, SERVICE_GRAPH] {
        let (left, width) = (LEFT + 14.0, CARD_WIDTH - 28.0);
        draw_rectangle(left, top, width, GRAPH_HEIGHT, colours::PAGE);
    }
}

pub(super) fn draw(paint: &mut Paint, game: &Game) {
    link(paint, game);
    points(paint, game);
    banner(paint, game);
    keys(paint, game);
}

fn link(paint: &mut Paint, game: &Game) {
    let (x, right) = (LEFT + 14.0, LEFT + CARD_WIDTH - 14.0);
    let (state, colour) = match game.link.phase {
        Phase::Connecting => ("Connecting", colours::WARN),
        Phase::Connected => ("Connected", colours::GOOD),
        Phase::Lost => ("Connection lost", colours::WARN),
        Phase::Ended => ("Offline", colours::BAD),
    };
    paint.glow(x + 7.0, 31.0, 16.0, faded(colour, 0.5));
    paint.disc(x + 7.0, 31.0, 6.0, colour);
    paint.text(state, x + 22.0, 38.0, LARGE, Weight::Bold, colours::TEXT);
    if let (Phase::Connected, Some(round_trip)) = (game.link.phase, game.link.round_trip) {
        let text = format!("round trip {} ms", round_trip.as_millis());
        text_to(paint, &text, right, 37.0, NORMAL, colours::TEXT);
    }
    let detail = match game.link.phase {
        Phase::Connected => {
            let returns = match game.link.returns {
                0 => "never lost".to_owned(),
                1 => "came back once".to_owned(),
                returns => format!("came back {returns} times"),
            };
            format!("{returns}  ·  {} commands sent again", game.link.resent)
        }
        Phase::Lost => match game.link.next_attempt {
            Some(at) if at > game.now => {
                format!("next attempt in {:.1} s", (at - game.now).as_secs_f32())
            }
            _ => "connecting again …".to_owned(),
        },
        Phase::Connecting => "on the way to the server …".to_owned(),
        Phase::Ended => game.link.reason.clone(),
    };
    paint.text(&detail, x, 62.0, SMALL, Weight::Medium, colours::TEXT_DIM);

    let rate = format!("{:.0} frames a second", game.frames.rate());
    paint.text(&rate, x, 88.0, SMALL, Weight::Bold, colours::BLUE);
    text_to(
        paint,
        "line at 17 ms",
        right,
        88.0,
        SMALL,
        colours::TEXT_DIM,
    );
    graph(
        game,
        FRAME_GRAPH,
        MOST_FRAME,
        FRAME,
        |frame| frame.whole,
        colours::BLUE,
    );

    let longest = game.frames.longest_service().as_secs_f64() * 1000.0;
    paint.text("service()", x, 153.0, SMALL, Weight::Bold, colours::GOOD);
    let text = format!("longest {longest:.2} ms  ·  line at 1 ms");
    text_to(paint, &text, right, 153.0, SMALL, colours::TEXT_DIM);
    graph(
        game,
        SERVICE_GRAPH,
        MOST_SERVICE,
        MOST_SERVICE,
        |frame| frame.service,
        colours::GOOD,
    );
}

/// Writes a text that ends at `right`.
fn text_to(paint: &Paint, text: &str, right: f32, y: f32, size: u16, colour: Color) {
    let width = paint.width(text, size, Weight::Medium);
    paint.text(text, right - width, y, size, Weight::Medium, colour);
}

/// Bars of the last frames, the newest one to the right, with a line at `limit`. Bars above it are red.
fn graph(
    game: &Game,
    top: f32,
    most: Duration,
    limit: Duration,
    time: impl Fn(Frame) -> Duration,
    colour: Color,
) {
    let (left, width) = (LEFT + 14.0, CARD_WIDTH - 28.0);
    let shown = (width / BAR) as usize;
    for (number, frame) in game.frames.iter().rev().take(shown).enumerate() {
        let time = time(frame);
        // Not less than a pixel: a call of some microseconds is a call.
        let height = (time.as_secs_f32() / most.as_secs_f32()).min(1.0) * GRAPH_HEIGHT;
        let height = height.round().max(1.0);
        let x = left + width - (number + 1) as f32 * BAR;
        let colour = if time > limit * 3 / 2 {
            colours::BAD
        } else {
            colour
        };
        draw_rectangle(x, top + GRAPH_HEIGHT - height, BAR, height, colour);
    }
    let y = top + GRAPH_HEIGHT * (1.0 - limit.as_secs_f32() / most.as_secs_f32());
    draw_rectangle(left, y.round(), width, 1.0, faded(colours::TEXT, 0.35));
}

fn points(paint: &mut Paint, game: &Game) {
    let players = [&game.me].into_iter().chain(&game.others).take(MAX_SCORES);
    let scores: Vec<(String, usize)> = players
        .map(|player| {
            let points = game.points.get(&player.id).unwrap_or(&0);
            (format!("{} {points}", player.name), player.colour)
        })
        .collect();
    let width: f32 = scores
        .iter()
        .map(|(text, _)| paint.width(text, NORMAL, Weight::Bold) + 16.0)
        .sum();
    paint.rounded(
        Rect::new(GAP, GAP, width + 38.0, 32.0),
        16.0,
        faded(colours::INK, 0.85),
    );
    paint.star(GAP + 20.0, GAP + 16.0, 10.0, colours::STAR);
    let mut x = GAP + 38.0;
    for (text, colour) in scores {
        x += paint.text(
            &text,
            x,
            GAP + 22.0,
            NORMAL,
            Weight::Bold,
            colours::name(colour),
        ) + 16.0;
    }
}

/// The reason why the others stand still, over the field.
fn banner(paint: &mut Paint, game: &Game) {
    let text = match game.link.phase {
        Phase::Lost if game.troubles.stopped => {
            "The server is stopped. Walk on: you come back by yourself."
        }
        Phase::Lost => "The connection is lost. Walk on: you come back by yourself.",
        Phase::Ended => "The connection has ended.",
        Phase::Connected if game.troubles.stopped => "You have stopped the server …",
        Phase::Connected if game.troubles.cut => "You have cut the line …",
        Phase::Connecting | Phase::Connected => return,
    };
    let width = paint.width(text, NORMAL, Weight::Bold) + 36.0;
    let x = ((FIELD.0 - width) / 2.0).round();
    let y = FIELD.1 - 50.0;
    paint.rounded(Rect::new(x, y, width, 36.0), 18.0, faded(colours::INK, 0.9));
    paint.text(
        text,
        x + 18.0,
        y + 24.0,
        NORMAL,
        Weight::Bold,
        colours::WARN,
    );
}

fn keys(paint: &mut Paint, game: &Game) {
    let troubles = game.troubles;
    let keys = [
        ("Arrows", "walk", false),
        ("Enter", "write", false),
        ("Tab", "next", false),
        ("F1", "loss", troubles.loss),
        ("F2", "delay", troubles.delay),
        ("F3", "cut line", troubles.cut),
        ("F4", "stop server", troubles.stopped),
        ("Esc", "leave", false),
    ];
    let mut x = GAP;
    let y = FIELD.1 + 12.0;
    for (key, effect, is_on) in keys {
        let width = paint.width(key, SMALL, Weight::Bold) + 14.0;
        let (back, front) = if is_on {
            (colours::WARN, colours::INK)
        } else {
            (colours::CARD_LIGHT, colours::TEXT)
        };
        paint.rounded(Rect::new(x, y, width, 26.0), 6.0, back);
        paint.text(key, x + 7.0, y + 18.0, SMALL, Weight::Bold, front);
        x += width + 5.0;
        let colour = if is_on {
            colours::WARN
        } else {
            colours::TEXT_DIM
        };
        x += paint.text(effect, x, y + 18.0, SMALL, Weight::Medium, colour) + 11.0;
    }
}
