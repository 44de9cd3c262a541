//! The chat: tabs, texts, and the line that the player writes.

use game_loop::model::{Entry, EntryKind, Game};
use macroquad::color::Color;
use macroquad::math::Rect;
use macroquad::shapes::draw_rectangle;

use super::HEIGHT;
use super::colours::{self, faded};
use super::paint::{NORMAL, Paint, SMALL, Weight};
use super::panel::{CARD_WIDTH, GAP, LEFT, LINK_END};

const TABS: f32 = 38.0;
const INPUT: f32 = 38.0;
const LINE: f32 = 21.0;
const BETWEEN: f32 = 5.0;
const PADDING: f32 = 14.0;

/// Draws the part that never changes: the card.
pub(super) fn draw_still(paint: &mut Paint) {
    paint.rounded(card(), 10.0, colours::CARD);
    let line = CARD_WIDTH - 2.0 * PADDING;
    draw_rectangle(
        LEFT + PADDING,
        card().y + 41.0,
        line,
        1.0,
        colours::CARD_LIGHT,
    );
}

pub(super) fn draw(paint: &mut Paint, game: &Game) {
    let card = card();
    tabs(paint, game, card.y + 6.0);
    let bottom = card.y + card.h - INPUT - 10.0;
    entries(paint, game, card.y + TABS + 8.0, bottom);
    input(paint, game, bottom + 4.0);
}

fn card() -> Rect {
    let top = LINK_END + GAP;
    Rect::new(LEFT, top, CARD_WIDTH, HEIGHT - GAP - top)
}

fn tabs(paint: &mut Paint, game: &Game, y: f32) {
    let mut x = LEFT + 8.0;
    for tab in game.tabs.iter() {
        let is_current = game.tabs.is_current(tab);
        let name = tab.title();
        let title = paint.width(&name, NORMAL, Weight::Bold);
        let count = (tab.unread > 0).then(|| tab.unread.min(99).to_string());
        let badge = count
            .as_ref()
            .map_or(0.0, |count| paint.width(count, SMALL, Weight::Bold) + 18.0);
        let width = title + badge + 24.0;
        if x + width > LEFT + CARD_WIDTH - 8.0 {
            break;
        }
        if is_current {
            paint.rounded(Rect::new(x, y, width, 30.0), 8.0, colours::CARD_LIGHT);
        }
        let colour = if is_current {
            colours::TEXT
        } else {
            colours::TEXT_DIM
        };
        paint.text(&name, x + 12.0, y + 21.0, NORMAL, Weight::Bold, colour);
        if let Some(count) = count {
            let left = x + 12.0 + title + 7.0;
            paint.rounded(
                Rect::new(left, y + 5.0, badge - 6.0, 20.0),
                10.0,
                colours::BAD,
            );
            paint.text(
                &count,
                left + 6.0,
                y + 20.0,
                SMALL,
                Weight::Bold,
                colours::INK,
            );
        }
        x += width + 4.0;
    }
}

/// The newest entries, from the bottom up, as far as there is space.
fn entries(paint: &mut Paint, game: &Game, top: f32, bottom: f32) {
    let mut y = bottom;
    for entry in game.tabs.current().entries.iter().rev() {
        let lines = lines(paint, entry);
        let height = lines.len() as f32 * LINE + BETWEEN;
        if y - height < top {
            return;
        }
        y -= height;
        draw_entry(paint, game, entry, &lines, y);
    }
}

fn lines(paint: &Paint, entry: &Entry) -> Vec<String> {
    let width = CARD_WIDTH - 2.0 * PADDING - 6.0;
    if entry.sender.is_empty() {
        return paint.wrap(&entry.text, width, 0.0, SMALL);
    }
    let indent = paint.width(&entry.sender, NORMAL, Weight::Bold) + 8.0;
    paint.wrap(&entry.text, width, indent, NORMAL)
}

fn draw_entry(paint: &mut Paint, game: &Game, entry: &Entry, lines: &[String], top: f32) {
    let left = LEFT + PADDING;
    let (size, colour) = match entry.kind {
        EntryKind::Said | EntryKind::Missed => (NORMAL, colours::TEXT),
        EntryKind::Waiting => (NORMAL, faded(colours::TEXT, 0.6)),
        EntryKind::Notice => (SMALL, colours::TEXT_DIM),
        EntryKind::Problem => (SMALL, colours::WARN),
        EntryKind::Unconfirmed | EntryKind::Refused => (NORMAL, faded(colours::TEXT, 0.6)),
    };
    if entry.kind == EntryKind::Missed {
        // Written while we were cut off.
        let height = lines.len() as f32 * LINE + 2.0;
        paint.rounded(
            Rect::new(left - 8.0, top, CARD_WIDTH - 12.0, height),
            5.0,
            faded(colours::WARN, 0.14),
        );
        draw_rectangle(left - 8.0, top, 3.0, height, colours::WARN);
    }
    let mut x = left;
    if !entry.sender.is_empty() {
        let name = paint.text(
            &entry.sender,
            x,
            top + 17.0,
            NORMAL,
            Weight::Bold,
            name_colour(game, &entry.sender),
        );
        x += name + 8.0;
    }
    let mut end = x;
    for (number, line) in lines.iter().enumerate() {
        let x = if number == 0 { x } else { left };
        let y = top + 17.0 + number as f32 * LINE;
        end = x + paint.text(line, x, y, size, Weight::Medium, colour);
    }
    let y = top + 17.0 + (lines.len() - 1) as f32 * LINE;
    match entry.kind {
        EntryKind::Waiting => {
            for dot in 0..3_u8 {
                let phase = game.now.as_secs_f32() * 5.0 - f32::from(dot);
                let opacity = 0.5 + 0.4 * phase.sin();
                let x = end + 10.0 + f32::from(dot) * 7.0;
                paint.disc(x, y - 5.0, 2.0, faded(colours::WARN, opacity));
            }
        }
        EntryKind::Unconfirmed => note(paint, "perhaps lost", end, y),
        EntryKind::Refused => note(paint, "refused", end, y),
        _ => {}
    }
}

/// Writes the outcome of a text behind it.
fn note(paint: &Paint, text: &str, x: f32, y: f32) {
    // Behind a full line there is no space: at its end then.
    let most = LEFT + CARD_WIDTH - PADDING - paint.width(text, SMALL, Weight::Bold);
    paint.text(
        text,
        (x + 8.0).min(most),
        y,
        SMALL,
        Weight::Bold,
        colours::WARN,
    );
}

fn name_colour(game: &Game, name: &str) -> Color {
    let mut players = game.others.iter().chain([&game.me]);
    let player = players.find(|player| player.name == name);
    player.map_or(colours::TEXT_DIM, |player| colours::name(player.colour))
}

fn input(paint: &mut Paint, game: &Game, y: f32) {
    let area = Rect::new(LEFT + 8.0, y, CARD_WIDTH - 16.0, INPUT - 4.0);
    paint.rounded(
        area,
        8.0,
        if game.typed.is_some() {
            colours::CARD_LIGHT
        } else {
            colours::PAGE
        },
    );
    let base = y + 23.0;
    let Some(typed) = &game.typed else {
        let hint = format!("Enter: write to {}", game.tabs.current().title());
        paint.text(
            &hint,
            area.x + 10.0,
            base,
            NORMAL,
            Weight::Medium,
            colours::TEXT_DIM,
        );
        return;
    };
    if typed.is_empty() {
        let hint = "Enter sends, Esc cancels";
        paint.text(
            hint,
            area.x + 18.0,
            base,
            NORMAL,
            Weight::Medium,
            colours::TEXT_DIM,
        );
    }
    let shown = paint.tail_of(typed, area.w - 30.0, NORMAL).to_owned();
    let width = paint.text(
        &shown,
        area.x + 10.0,
        base,
        NORMAL,
        Weight::Medium,
        colours::TEXT,
    );
    if game.now.as_millis() % 1000 < 600 {
        draw_rectangle(
            (area.x + 12.0 + width).round(),
            y + 8.0,
            2.0,
            20.0,
            colours::BLUE,
        );
    }
}
