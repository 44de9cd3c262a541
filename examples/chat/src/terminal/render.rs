//! [`render`]: draws a [`Screen`] into a buffer of any size.
//!
//! Only the eight basic colours without background, and the modifiers bold, dim and reversed, are
//! used: these are legible on dark and on light terminals, because the terminal chooses them.

use super::entry::{Entry, INDENT};
use super::screen::Screen;
use super::text::{cut, width};
use chat_core::State;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

/// The columns of the lists of members and friends.
const SIDE_COLUMNS: u16 = 22;
/// The least columns of the screen that has these lists.
const MIN_COLUMNS_WITH_SIDE: u16 = 64;
/// Colours of names. Yellow is unreadable on white.
const NAME_COLOURS: [Color; 5] = [
    Color::Cyan,
    Color::Magenta,
    Color::Green,
    Color::Blue,
    Color::Red,
];

/// The result of drawing.
pub(crate) struct Rendered {
    pub(crate) cursor: Position,
    /// The columns of the list of messages.
    pub(crate) columns: usize,
    /// The rows of the list of messages.
    pub(crate) page: usize,
    /// How many rows it can be scrolled up.
    pub(crate) most_scroll: usize,
}

/// Draws the whole screen.
pub(crate) fn render(screen: &Screen, buffer: &mut Buffer) -> Rendered {
    let area = buffer.area;
    let mut rows = area.rows().collect::<Vec<_>>();
    let mut rendered = Rendered {
        cursor: area.as_position(),
        columns: 0,
        page: 0,
        most_scroll: 0,
    };
    // The input is needed most, then the messages, the status, and the tabs.
    let Some(input) = rows.pop() else {
        return rendered;
    };
    rendered.cursor = draw_input(screen, input, buffer);
    if rows.len() > 1
        && let Some(status) = rows.pop()
    {
        draw_status(screen, status, buffer);
    }
    if rows.len() > 1 {
        draw_tabs(screen, rows.remove(0), buffer);
    }
    let Some(first) = rows.first().copied() else {
        return rendered;
    };
    let mut list = Rect {
        height: rows.len() as u16,
        ..first
    };
    if area.width >= MIN_COLUMNS_WITH_SIDE && list.height > 2 {
        list.width -= SIDE_COLUMNS;
        let side = Rect {
            x: list.right(),
            width: SIDE_COLUMNS,
            ..list
        };
        draw_side(screen, side, buffer);
        list.width -= 1;
    }
    rendered.columns = list.width.into();
    rendered.page = list.height.into();
    rendered.most_scroll = draw_entries(screen, list, buffer);
    rendered
}

fn put(buffer: &mut Buffer, area: Rect, column: u16, text: &str, style: Style) -> u16 {
    let left = area.width.saturating_sub(column);
    let text = cut(text, left.into());
    let (end, _) = buffer.set_stringn(area.x + column, area.y, &text, left.into(), style);
    end - area.x
}

fn draw_tabs(screen: &Screen, row: Rect, buffer: &mut Buffer) {
    let labels: Vec<String> = screen
        .conversations
        .iter()
        .map(|all| match all.unread {
            0 => format!(" {} ", all.title),
            unread => format!(" {} {unread} ", all.title),
        })
        .map(|label| cut(&label, 20.min(row.width.into())).into_owned())
        .collect();
    // The selected tab is always visible: those before it make room.
    let mut first = 0;
    let columns = |from: usize| -> usize {
        labels
            .iter()
            .take(screen.selected + 1)
            .skip(from)
            .map(|label| width(label))
            .sum()
    };
    while first < screen.selected && columns(first) > row.width.into() {
        first += 1;
    }
    let mut column = 0;
    for (at, label) in labels.iter().enumerate().skip(first) {
        if column >= row.width {
            break;
        }
        let mut style = Style::new();
        if at == screen.selected {
            style = style.add_modifier(Modifier::REVERSED | Modifier::BOLD);
        } else if screen.conversations[at].unread > 0 {
            style = style.fg(Color::Magenta).add_modifier(Modifier::BOLD);
        }
        column = put(buffer, row, column, label, style);
    }
}

fn draw_status(screen: &Screen, row: Rect, buffer: &mut Buffer) {
    let bar = Style::new().add_modifier(Modifier::REVERSED);
    buffer.set_style(row, bar);
    let state = match (screen.state, screen.countdown()) {
        (State::Error, Some((attempt, seconds))) => {
            format!("offline, attempt {attempt} in {seconds} s")
        }
        (State::Error | State::Uninitialized, _) => "offline".into(),
        (State::Disconnected, _) => "disconnected".into(),
        (State::ConnectedToFrontEnd, _) => "connected".into(),
        (State::ConnectedToNameServer, _) => "logging in ..".into(),
        (State::ConnectingToNameServer | State::ConnectingToFrontEnd, _) => "connecting ..".into(),
    };
    let is_connected = screen.state == State::ConnectedToFrontEnd;
    // Separate colours would not be legible on every reversed background, so bold it is.
    let mut column = put(
        buffer,
        row,
        0,
        &format!(" {state} "),
        bar.add_modifier(Modifier::BOLD),
    );
    let mut parts = vec![screen.user.clone(), screen.server.clone()];
    if let (true, Some(round_trip)) = (is_connected, screen.measured.round_trip) {
        parts.push(format!("rtt {} ms", round_trip.as_millis()));
    }
    if let (true, Some(loss)) = (is_connected, screen.measured.loss) {
        parts.push(format!("loss {loss} %"));
    }
    if screen.restores > 0 {
        parts.push(format!("restored {}x", screen.restores));
    }
    let scroll = screen.current().scroll;
    if scroll > 0 {
        // Before the others: it explains why nothing new appears.
        parts.insert(0, "scrolled up, PageDown".to_owned());
    }
    for part in parts.iter().filter(|part| !part.is_empty()) {
        column = put(buffer, row, column, &format!("| {part} "), bar);
    }
}

fn draw_input(screen: &Screen, row: Rect, buffer: &mut Buffer) -> Position {
    const PROMPT: &str = "> ";
    let dim = Style::new().add_modifier(Modifier::DIM);
    let start = put(buffer, row, 0, PROMPT, dim);
    let columns = row.width.saturating_sub(start);
    let (text, cursor) = screen.input.visible(columns.into());
    if text.is_empty() {
        put(buffer, row, start, "write here, or /help", dim);
    } else {
        buffer.set_stringn(row.x + start, row.y, text, columns.into(), Style::new());
    }
    let cursor = u16::try_from(cursor).unwrap_or(u16::MAX);
    let last = row.right().saturating_sub(1);
    Position::new((row.x + start).saturating_add(cursor).min(last), row.y)
}

/// Draws the members of the channel and the friends, the friends at least in the lower half.
fn draw_side(screen: &Screen, area: Rect, buffer: &mut Buffer) {
    let dim = Style::new().add_modifier(Modifier::DIM);
    let heading = Style::new().add_modifier(Modifier::BOLD);
    let mut lines: Vec<(String, Style)> = Vec::new();
    let members = &screen.measured.members;
    if !members.is_empty() {
        let plural = if members.len() == 1 { "" } else { "s" };
        lines.push((format!("{} member{plural}", members.len()), heading));
        let room = usize::from(area.height / 2).saturating_sub(2).max(1);
        for member in members.iter().take(room) {
            lines.push((member.clone(), name_style(member)));
        }
        if members.len() > room {
            lines.push((format!("and {} more", members.len() - room), dim));
        }
        lines.push((String::new(), dim));
    }
    lines.push(("friends".into(), heading));
    if screen.friends.is_empty() {
        lines.push(("none; /friend USER".into(), dim));
    }
    for (name, friend) in &screen.friends {
        let sign = if friend.status.is_online() {
            '●'
        } else {
            '○'
        };
        let style = if friend.status.is_online() {
            Style::new()
        } else {
            dim
        };
        let status = if friend.text.is_empty() {
            friend.status.name().to_lowercase()
        } else {
            friend.text.clone()
        };
        lines.push((format!("{sign} {name} {status}"), style));
    }
    for (row, (text, style)) in area.rows().zip(&lines) {
        put(buffer, row, 0, "│", dim);
        put(buffer, row, 2, text, *style);
    }
    for row in area.rows().skip(lines.len()) {
        put(buffer, row, 0, "│", dim);
    }
}

/// Draws the newest entries that fit, or older ones if the user scrolled. Returns how far the user
/// can scroll, as far as that matters now.
fn draw_entries(screen: &Screen, area: Rect, buffer: &mut Buffer) -> usize {
    let conversation = screen.current();
    let height = usize::from(area.height);
    let wanted = conversation.scroll + height;
    // From the newest one up, and not further than is shown: ten thousand entries cost nothing.
    let mut rows: Vec<Row> = Vec::new();
    for entry in conversation.newest_first() {
        if rows.len() >= wanted {
            break;
        }
        let mut of_entry = rows_of(entry, area.width.into());
        of_entry.reverse();
        rows.extend(of_entry);
    }
    let most = rows.len().saturating_sub(height);
    let scroll = conversation.scroll.min(most);
    let shown = rows.iter().skip(scroll).take(height);
    let empty = height.saturating_sub(rows.len().saturating_sub(scroll));
    for (row, at) in area
        .rows()
        .skip(empty)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .zip(shown)
    {
        let mut column = 0;
        for (text, style) in &at.spans {
            column = put(buffer, row, column, text, *style);
        }
    }
    // One more row than known lets the next page be looked for.
    if rows.len() >= wanted { most + 1 } else { most }
}

struct Row {
    spans: Vec<(String, Style)>,
}

fn rows_of(entry: &Entry, columns: usize) -> Vec<Row> {
    let dim = Style::new().add_modifier(Modifier::DIM);
    let red = Style::new().fg(Color::Red);
    let (head_style, style) = match entry {
        Entry::Message {
            sender,
            is_own,
            is_old,
            ..
        } => {
            let mut name = name_style(sender);
            if *is_own {
                name = name.add_modifier(Modifier::UNDERLINED);
            }
            (name, if *is_old { dim } else { Style::new() })
        }
        Entry::Notice(_) => (dim, dim),
        Entry::Problem(_) => (red, red),
    };
    let (head, rows) = entry.rows(columns);
    // What separates it from the text has no style of its own.
    let name = head.strip_suffix(": ").unwrap_or(head.trim_end());
    let after = head.get(name.len()..).unwrap_or_default();
    let row = |(at, row): (usize, String)| Row {
        spans: match at {
            0 => vec![
                (name.to_owned(), head_style),
                (after.to_owned(), Style::new()),
                (row, style),
            ],
            _ => vec![(INDENT.to_owned(), style), (row, style)],
        },
    };
    rows.into_iter().enumerate().map(row).collect()
}

/// The same name always has the same colour.
fn name_style(name: &str) -> Style {
    let sum = name
        .bytes()
        .fold(5381_u32, |sum, byte| sum.wrapping_mul(33) ^ u32::from(byte));
    let colour = NAME_COLOURS[sum as usize % NAME_COLOURS.len()];
    Style::new().fg(colour).add_modifier(Modifier::BOLD)
}
