//! The screen as a whole: events and keys in, a drawn buffer out.

use super::action::Action;
use super::conversation::Target;
use super::render::render;
use super::screen::{Measured, Screen};
use super::svg;
use chat_core::{
    CauseKind, DisconnectCause, Event, PeerErrorCode, Server, State, StatusChange, UserStatus,
};
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use std::path::Path;
use std::time::Duration;

fn draw(screen: &mut Screen, columns: u16, rows: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    let rendered = render(screen, &mut buffer);
    assert!(
        rendered.cursor.x < columns.max(1) && rendered.cursor.y < rows.max(1),
        "{columns}x{rows}: {:?}",
        rendered.cursor
    );
    screen.note_drawn(rendered.columns, rendered.page, rendered.most_scroll);
    buffer
}

fn rows(buffer: &Buffer) -> Vec<String> {
    let row = |y| -> String {
        (0..buffer.area.width)
            .map(|x| buffer[(x, y)].symbol())
            .collect()
    };
    (0..buffer.area.height).map(row).collect()
}

fn shown(screen: &mut Screen, columns: u16, rows_: u16) -> String {
    rows(&draw(screen, columns, rows_)).join("\n")
}

/// Draws the screen and checks that it contains all these texts.
#[track_caller]
fn assert_shows(screen: &mut Screen, columns: u16, rows_: u16, expected: &[&str]) -> String {
    let text = shown(screen, columns, rows_);
    for expected in expected {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    text
}

fn write(screen: &mut Screen, line: &str) -> Option<Action> {
    for character in line.chars() {
        screen.on_key(KeyEvent::new(KeyCode::Char(character), KeyModifiers::NONE));
    }
    screen.on_key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE))
}

fn press(screen: &mut Screen, code: KeyCode, modifiers: KeyModifiers) {
    assert_eq!(screen.on_key(KeyEvent::new(code, modifiers)), None);
}

fn state(from: State, to: State) -> Event {
    Event::StateChanged { from, to }
}

fn message(screen: &mut Screen, target: &Target, sender: &str, text: &str) {
    screen.show_message(target.clone(), sender, text, false);
}

fn lobby() -> Target {
    Target::Channel("lobby".into())
}

fn connected() -> Screen {
    let mut screen = Screen::new("you", "udp://127.0.0.1:5058");
    for (from, to) in [
        (State::Uninitialized, State::ConnectingToNameServer),
        (State::ConnectingToNameServer, State::ConnectedToNameServer),
        (State::ConnectedToNameServer, State::ConnectingToFrontEnd),
        (State::ConnectingToFrontEnd, State::ConnectedToFrontEnd),
    ] {
        screen.on_event(&state(from, to));
    }
    screen.open(lobby(), true);
    screen
}

fn lose(screen: &mut Screen) {
    screen.on_event(&state(State::ConnectedToFrontEnd, State::Error));
    let kind = CauseKind::Silent {
        elapsed: Duration::from_secs(10),
    };
    let cause = Box::new(DisconnectCause::new(Server::FrontEnd, kind));
    screen.on_event(&Event::Error {
        code: PeerErrorCode::FrontEndTimeout,
        message: cause.to_string().into(),
        cause,
    });
    screen.on_event(&Event::ReconnectScheduled {
        attempt: 1,
        after: Duration::from_millis(3_200),
    });
}

#[test]
fn progress_and_messages_are_shown() {
    let mut screen = connected();
    message(&mut screen, &lobby(), "ada", "Hello you!");
    let of_the_channel = [
        "#lobby",
        "ada: Hello you!",
        "connected",
        "udp://127.0.0.1:5058",
    ];
    assert_shows(&mut screen, 80, 24, &of_the_channel);
    screen.select(0);
    let of_the_log = [
        "connecting to the name server",
        "logging in",
        "connecting to the chat server",
        "connected",
    ];
    assert_shows(&mut screen, 80, 24, &of_the_log);
}

#[test]
fn a_lost_connection_counts_down_and_comes_back() {
    let mut screen = connected();
    screen.set_time(Duration::from_secs(10));
    lose(&mut screen);
    let expected = [
        "offline, attempt 1 in 4 s",
        "connecting again by itself in 3.2 s",
    ];
    assert_shows(&mut screen, 100, 24, &expected);
    screen.take_changed();
    assert_eq!(screen.next_change(), Some(Duration::from_secs(11)));
    screen.set_time(Duration::from_millis(10_900));
    assert!(!screen.take_changed(), "nothing to draw before the second");
    screen.set_time(Duration::from_secs(12));
    assert!(screen.take_changed());
    assert_shows(&mut screen, 80, 24, &["attempt 1 in 2 s"]);
    screen.on_event(&state(State::Error, State::ConnectingToFrontEnd));
    assert_shows(&mut screen, 80, 24, &["connecting .."]);
    assert_eq!(screen.next_change(), None);
    screen.on_event(&state(
        State::ConnectingToFrontEnd,
        State::ConnectedToFrontEnd,
    ));
    screen.on_event(&Event::Restored {
        channels: 1,
        failed: Vec::new(),
    });
    screen.on_event(&Event::Gap {
        channel: "lobby".into(),
        after: 3,
        missing: Some(5),
        verified: true,
        new_life: false,
    });
    let expected = ["back in 1 channel", "5 messages are missing here"];
    assert_shows(&mut screen, 100, 24, &expected);
}

#[test]
fn the_help_fits_on_a_small_screen() {
    let mut screen = connected();
    assert_eq!(write(&mut screen, "/help"), None);
    assert_shows(&mut screen, 80, 24, &["/join", "/quit", "//TEXT", "Tab:"]);
}

#[test]
fn what_the_user_reads_stays_in_its_place() {
    let mut screen = connected();
    for number in 0..100 {
        message(&mut screen, &lobby(), "ada", &format!("number {number}"));
    }
    shown(&mut screen, 80, 24);
    press(&mut screen, KeyCode::PageUp, KeyModifiers::NONE);
    let list = |screen: &mut Screen| -> String { rows(&draw(screen, 80, 24))[1..22].join("\n") };
    let before = list(&mut screen);
    assert!(before.contains("number 70"), "{before}");
    // Of several rows, and of other kinds.
    message(&mut screen, &lobby(), "bob", &"long words ".repeat(40));
    screen.notice("a notice");
    screen.problem(&"a problem ".repeat(20));
    lose(&mut screen);
    assert_eq!(list(&mut screen), before);
    // A mistake is shown at once.
    assert_eq!(write(&mut screen, "/nothing"), None);
    assert_shows(&mut screen, 80, 24, &["there is no command /nothing"]);
}

#[test]
fn tab_completes_the_names_of_statuses() {
    let mut screen = connected();
    screen.on_paste("/status a");
    screen.on_paste("w");
    press(&mut screen, KeyCode::Tab, KeyModifiers::NONE);
    assert_eq!(screen.input.text(), "/status away ");
    screen.on_paste("out");
    assert!(matches!(
        screen.on_key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)),
        Some(Action::Status { .. })
    ));
}

#[test]
fn nothing_that_others_send_reaches_the_terminal_as_a_command() {
    let evil = "\x1b[2J\x1b]0;x\x07\u{9b}5m\u{202e}abc\u{2028}\u{200b}x\ry\nz";
    let mut screen = connected();
    message(&mut screen, &Target::Private(evil.into()), evil, evil);
    message(&mut screen, &lobby(), evil, evil);
    screen.on_event(&Event::UserStatusUpdate {
        user: evil.into(),
        status: UserStatus::ONLINE,
        message: StatusChange::Set(Box::new(evil.into())),
    });
    screen.on_event(&Event::OperationResponse {
        operation: 1,
        return_code: -1,
        message: evil.into(),
        parameters: None,
    });
    screen.set_measured(Measured {
        members: vec![super::text::clean(evil)],
        ..Measured::default()
    });
    for tab in 0..3 {
        screen.select(tab);
        for (columns, rows) in [(20, 5), (80, 24), (200, 60)] {
            let text = shown(&mut screen, columns, rows);
            for character in text.chars().filter(|all| *all != '\n') {
                let is_harmless = !character.is_control()
                    && !crate::characters::is_format(character)
                    && !crate::characters::is_separator(character);
                assert!(is_harmless, "{character:?}");
            }
        }
    }
}

#[test]
fn every_size_is_drawn_without_a_cut_character() {
    let mut screen = connected();
    for (sender, text) in [
        ("ada", "short"),
        ("שלום", "שלום עולם, מה שלומך היום?"),
        (
            "漢字漢字漢字漢字漢字漢字",
            "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
        ),
        (
            "🎲🎲🎲",
            "👩\u{200d}👧 ❤\u{fe0f} e\u{301}e\u{301}e\u{301} averyveryveryveryveryverylongword",
        ),
    ] {
        message(&mut screen, &lobby(), sender, text);
        message(&mut screen, &Target::Private(sender.into()), sender, text);
    }
    lose(&mut screen);
    screen.on_paste("漢字漢字漢字漢字漢字漢字漢字漢字漢字 a long line that is written");
    for columns in [1, 2, 3, 5, 10, 20, 40, 63, 64, 80, 200] {
        for rows in [1, 2, 3, 4, 5, 10, 24, 60] {
            for tab in 0..screen.conversations.len() {
                screen.select(tab);
                draw(&mut screen, columns, rows);
            }
        }
    }
    screen.select(1);
    assert_shows(&mut screen, 20, 5, &["log", "offline"]);
}

#[test]
fn ten_thousand_messages_scroll_to_the_first_one() {
    let mut screen = connected();
    for number in 0..12_000 {
        message(&mut screen, &lobby(), "ada", &format!("message {number}"));
    }
    assert_shows(&mut screen, 80, 24, &["message 11999"]);
    press(&mut screen, KeyCode::PageUp, KeyModifiers::NONE);
    let text = shown(&mut screen, 80, 24);
    assert!(
        !text.contains("message 11999") && text.contains("scrolled up"),
        "{text}"
    );
    for _ in 0..500 {
        press(&mut screen, KeyCode::PageUp, KeyModifiers::NONE);
        draw(&mut screen, 80, 24);
    }
    let text = shown(&mut screen, 80, 24);
    assert!(
        text.contains("message 2000 "),
        "the oldest that is kept\n{text}"
    );
    // A new message moves nothing and is counted.
    let before = screen.current().scroll;
    message(&mut screen, &lobby(), "ada", "new");
    assert_eq!(screen.current().scroll, before + 1);
    assert_eq!(screen.current().unread, 1);
    for _ in 0..1_000 {
        press(&mut screen, KeyCode::PageDown, KeyModifiers::NONE);
    }
    assert_shows(&mut screen, 80, 24, &["ada: new"]);
    assert_eq!(screen.current().unread, 0);
}

#[test]
fn tabs_count_what_was_not_seen() {
    let mut screen = connected();
    message(&mut screen, &Target::Private("ada".into()), "ada", "one");
    message(&mut screen, &Target::Private("ada".into()), "ada", "two");
    assert!(
        shown(&mut screen, 80, 24)
            .lines()
            .next()
            .unwrap()
            .contains("@ada 2")
    );
    press(&mut screen, KeyCode::Char('n'), KeyModifiers::CONTROL);
    let text = shown(&mut screen, 80, 24);
    assert!(
        text.contains("ada: two") && !text.contains("@ada 2"),
        "{text}"
    );
    press(&mut screen, KeyCode::Char('2'), KeyModifiers::ALT);
    assert_eq!(screen.current().target, lobby());
    assert_eq!(
        write(&mut screen, "hello"),
        Some(Action::Publish {
            channel: "lobby".into(),
            text: "hello".into()
        })
    );
    assert_eq!(write(&mut screen, "/dance"), None);
    assert_shows(&mut screen, 80, 24, &["no command /dance"]);
    assert_eq!(
        screen.on_key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)),
        Some(Action::Quit)
    );
}

#[test]
fn strangers_cannot_open_tabs_without_end() {
    let mut screen = connected();
    for number in 0..500 {
        let user = format!("stranger {number}");
        message(&mut screen, &Target::Private(user.clone()), &user, "hi");
    }
    assert_eq!(screen.conversations.len(), 100);
    screen.select(0);
    assert_shows(&mut screen, 80, 24, &["stranger 499: hi"]);
}

#[test]
fn random_keys_messages_and_sizes_leave_a_screen_that_can_be_drawn() {
    const KEYS: [KeyCode; 11] = [
        KeyCode::Enter,
        KeyCode::Backspace,
        KeyCode::Delete,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Home,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Tab,
    ];
    const TEXTS: [&str; 9] = [
        "/part",
        "/msg ada x",
        "/clear",
        "/help",
        "/join a",
        "漢🎲",
        "e\u{301}",
        "שלום ",
        "a",
    ];
    let mut screen = connected();
    let mut random = 1_u64;
    let mut below = |limit: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) as usize % limit
    };
    for _ in 0..5_000 {
        match below(8) {
            0 => screen.on_paste(TEXTS[below(TEXTS.len())]),
            1 => screen.select(below(6)),
            2 => {
                let user = ["ada", "bob", "漢字"][below(3)];
                let text = TEXTS[below(TEXTS.len())].repeat(below(60));
                message(&mut screen, &Target::Private(user.into()), user, &text);
            }
            3 => screen.close(&Target::Private(["ada", "bob"][below(2)].into())),
            4 => {
                screen.on_key(KeyEvent::new(KeyCode::Char('n'), KeyModifiers::CONTROL));
            }
            _ => {
                screen.on_key(KeyEvent::new(KEYS[below(KEYS.len())], KeyModifiers::NONE));
            }
        }
        if below(4) == 0 {
            let (columns, rows) = (1 + below(90), 1 + below(30));
            draw(&mut screen, columns as u16, rows as u16);
        }
    }
}

/// The picture of the README. `UPDATE_PICTURES=1 cargo test -p photon-chat-cli` writes it again.
#[test]
fn the_picture_of_the_readme_is_what_the_program_draws() {
    let mut screen = connected();
    for (user, status, text) in [
        ("ada", UserStatus::ONLINE, "ask away"),
        ("dice", UserStatus::ONLINE, "roll 2d6"),
        ("grace", UserStatus::OFFLINE, ""),
    ] {
        screen.on_event(&Event::UserStatusUpdate {
            user: user.into(),
            status,
            message: if text.is_empty() {
                StatusChange::Cleared
            } else {
                StatusChange::Set(Box::new(text.into()))
            },
        });
    }
    message(
        &mut screen,
        &lobby(),
        "ada",
        "Hello you! Write something to me, or ask dice to roll 2d6.",
    );
    message(&mut screen, &lobby(), "you", "dice: roll 2d6");
    message(&mut screen, &lobby(), "dice", "2d6 for you: 5 + 4 = 9");
    screen.set_time(Duration::from_secs(60));
    lose(&mut screen);
    screen.on_event(&state(State::Error, State::ConnectingToFrontEnd));
    screen.on_event(&state(
        State::ConnectingToFrontEnd,
        State::ConnectedToFrontEnd,
    ));
    screen.on_event(&Event::Restored {
        channels: 1,
        failed: Vec::new(),
    });
    message(
        &mut screen,
        &lobby(),
        "ada",
        "You were away for a moment, and missed nothing.",
    );
    message(&mut screen, &lobby(), "you", "That was quick!");
    message(&mut screen, &Target::Private("ada".into()), "ada", "Psst.");
    screen.set_measured(Measured {
        members: ["ada", "dice", "you"].map(str::to_owned).to_vec(),
        round_trip: Some(Duration::from_millis(23)),
        loss: Some(0),
    });
    screen.on_paste("dice: roll 3d6");
    let picture = svg::draw(&draw(&mut screen, 80, 24), "photon-chat");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("terminal-chat.svg");
    if std::env::var_os("UPDATE_PICTURES").is_some() {
        std::fs::write(&path, &picture).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept.replace("\r\n", "\n") == picture,
        "the picture is old: UPDATE_PICTURES=1 cargo test -p photon-chat-cli"
    );
}
