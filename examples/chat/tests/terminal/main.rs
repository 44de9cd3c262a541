//! The terminal chat as a user has it: in a pseudo-terminal, with keys in and a screen out.
//!
//! Every test also reads all that the program writes, and fails if something of others reaches the
//! terminal that it would obey ([`guard`]).
#![cfg(unix)]

mod guard;
mod pty;
mod relay;
mod world;

use pty::{CTRL_C, PAGE_DOWN, PAGE_UP, Shown, Terminal};
use relay::Relay;
use std::time::{Duration, Instant};
use world::{Host, Other, arguments};

/// A user in the channel `lobby` of this server.
#[track_caller]
fn chatting(columns: u16, rows: u16, url: &str) -> Terminal {
    let terminal = Terminal::start(columns, rows, &arguments(url, "you"));
    terminal.wait_for("#lobby");
    terminal
}

/// Tabs above, status and input below, and nothing over the edge.
fn is_whole(shown: &Shown) -> bool {
    let last = shown.rows.len() - 1;
    !shown.rows[0].trim().is_empty()
        && shown.rows[last - 1].starts_with(" connected")
        && shown.rows[last].starts_with("> ")
        && !shown.is_over_the_edge
}

#[test]
fn every_size_is_usable_while_the_user_changes_it() {
    let host = Host::start();
    let terminal = chatting(80, 24, &host.url());
    let mut other = Other::join(&host.url(), "bob");
    for (columns, rows) in [
        (20, 5),
        (200, 60),
        (21, 6),
        (63, 10),
        (64, 10),
        (20, 60),
        (200, 5),
        (40, 12),
        (80, 24),
    ] {
        other.publish([format!("{} for {columns}x{rows}", "long words ".repeat(30))]);
        terminal.resize(columns, rows);
        terminal.line(&format!("at {columns}x{rows}"));
        let own = format!("you: at {columns}x{rows}");
        let shown = terminal.wait_until(&own, |shown| is_whole(shown) && shown.contains(&own));
        assert_eq!(
            shown.contains("friends"),
            columns >= 64 && rows > 5,
            "{shown}"
        );
    }
    // Faster than the program draws, with keys in between.
    const STEPS: u16 = 40;
    for step in 0..STEPS {
        terminal.resize(20 + step * 4, 5 + step * 7 % 56);
        terminal.press("x");
    }
    terminal.resize(90, 30);
    terminal.line("y");
    let typed = format!("you: {}y", "x".repeat(STEPS.into()));
    terminal.wait_until(&typed, |shown| is_whole(shown) && shown.contains(&typed));
}

#[test]
fn ten_thousand_lines_can_be_scrolled_and_take_bounded_memory() {
    const LINES: usize = 10_000;
    let host = Host::start();
    let terminal = chatting(200, 60, &host.url());
    let mut other = Other::join(&host.url(), "bob");
    other.publish((0..LINES).map(|number| format!("line {number} of many")));
    terminal.wait_for("bob: line 9999 of many");
    let first = resident_kilobytes(&terminal);
    // As many pages as there are lines, and some more.
    let mut pages = 0;
    while terminal
        .seen_within(Duration::ZERO, |shown| shown.contains("line 0 of many"))
        .is_err()
    {
        let before = top(&terminal);
        terminal.press(PAGE_UP);
        terminal.wait_until("another page", |shown| first_row(shown) != before);
        pages += 1;
        assert!(pages <= LINES / 40, "the first line is never reached");
    }
    // While the user reads, new lines move nothing.
    let before = top(&terminal);
    other.publish((0..100).map(|number| format!("new line {number}")));
    terminal.wait_for("scrolled up");
    assert_eq!(top(&terminal), before);
    terminal.press(&PAGE_DOWN.repeat(pages + 5));
    terminal.wait_for("new line 99");
    // The oldest ones leave now.
    other.publish((0..2 * LINES).map(|number| format!("second {number} of many")));
    terminal.wait_for("second 19999 of many");
    let second = resident_kilobytes(&terminal);
    println!("memory after 10,000 lines {first:?} KiB, after 30,100 {second:?} KiB");
    if let (Some(first), Some(second)) = (first, second) {
        assert!(second < first + 4 * 1024, "{first} KiB, then {second} KiB");
    }
}

fn first_row(shown: &Shown) -> String {
    shown.rows[1].clone()
}

/// The first row of the messages.
fn top(terminal: &Terminal) -> String {
    match terminal.seen_within(Duration::ZERO, |_| true) {
        Ok(shown) | Err(shown) => first_row(&shown),
    }
}

#[test]
fn names_and_messages_of_others_are_text_and_nothing_else() {
    const EVIL: &str = "\x1b[31mred\x1b[2J\x1b]0;title\x07\x1b[6n\u{9b}5m\u{202e}drow\u{2066}\u{200f}\u{2028}\u{200b}end\r\n\tof it\0";
    const SHOWN: &str = "[31mred[2J]0;title[6n5mdrow end of it";
    let host = Host::start();
    let relay = Relay::start(host.addresses().front_end);
    host.announce_front_end(relay.address.port());
    let terminal = chatting(120, 30, &host.url());
    // The relay makes `m\x1b[7mal\u{202e}\r\nlory` of it.
    let mut other = Other::join(&host.url(), "m^^7mal\u{202e}~~lory");
    for text in [
        EVIL,
        "family 👩\u{200d}👧 ❤\u{fe0f} 🎲",
        "שלום עולם, مرحبا",
        "e\u{301}漢字",
    ] {
        other.publish([text.to_owned()]);
    }
    for expected in [
        &*format!("m[7mal lory: {SHOWN}"),
        "family 👩👧 ❤ 🎲",
        "שלום עולם, مرحبا",
        "e\u{301}漢字",
    ] {
        terminal.wait_until(expected, |shown| {
            is_whole(shown) && shown.contains(expected)
        });
    }
    // A private message opens a tab with the name.
    other.write_to("you", EVIL);
    terminal.wait_for("@m[7mal lory 1");
    terminal.press("\x0e");
    terminal.wait_for(SHOWN);
    // What is pasted is text, too, and sends nothing.
    terminal.press(&format!("\x1b[200~{EVIL}\x1b[201~"));
    terminal.wait_for(&format!("> {SHOWN}"));
    for (columns, rows) in [(20, 5), (33, 8), (200, 60)] {
        terminal.resize(columns, rows);
        terminal.wait_until("the whole", is_whole);
    }
}

#[test]
fn a_killed_server_is_reported_and_the_conversation_goes_on_when_it_is_back() {
    let mut host = Host::start();
    let terminal = chatting(100, 30, &host.url());
    for round in 1..=2 {
        host.kill();
        terminal.wait_for("the connection ended");
        terminal.wait_for("offline, attempt");
        terminal.line(&format!("written offline {round}"));
        terminal.wait_for("the message waits for it");
        host.come_back();
        terminal.wait_for(&format!("restored {round}x"));
        terminal.wait_for(&format!("you: written offline {round}"));
        let mut other = Other::join(&host.url(), "bob");
        other.publish([format!("welcome back {round}")]);
        terminal.wait_for(&format!("bob: welcome back {round}"));
        terminal.line("/clear");
        terminal.wait_until("an empty tab", |shown| !shown.contains("welcome back"));
    }
}

#[test]
fn a_line_that_is_cut_for_ten_seconds_loses_no_message() {
    const CUT: Duration = Duration::from_secs(10);
    let host = Host::start();
    let relays = [host.addresses().name_server, host.addresses().front_end].map(Relay::start);
    let mut other = Other::join(&host.url(), "bob");
    host.announce_front_end(relays[1].address.port());
    let terminal = chatting(100, 30, &format!("tcp://{}", relays[0].address));
    // First for ten seconds, after which the connection may live, then until the program gives it up.
    for cut in ["first", "second"] {
        other.publish([format!("before the {cut} cut")]);
        terminal.wait_for(&format!("bob: before the {cut} cut"));
        let began = Instant::now();
        relays.iter().for_each(Relay::cut);
        terminal.line(&format!("from you, {cut} cut"));
        other.publish([format!("from bob, {cut} cut")]);
        // It stays usable: what is typed is shown at once.
        terminal.press("typed");
        terminal.wait_for("> typed");
        if cut == "first" {
            let _ = terminal.seen_within(CUT, |_| false);
        } else {
            terminal.wait_for("offline, attempt");
            println!("the loss was shown after {:?}", began.elapsed());
        }
        relays.iter().for_each(Relay::mend);
        for text in [
            format!("bob: from bob, {cut} cut"),
            format!("you: from you, {cut} cut"),
        ] {
            let shown = terminal.wait_for(&text);
            let times = shown.rows.iter().filter(|row| row.contains(&text)).count();
            assert_eq!(times, 1, "{shown}");
        }
        terminal.line(&format!(" after the {cut} cut"));
        terminal.wait_for(&format!("you: typed after the {cut} cut"));
        other.wait_for_message(&format!("typed after the {cut} cut"));
    }
    terminal.wait_for("restored");
}

/// More than the program reads at once, with a resize at the same moment: neither may wait for the next key.
#[test]
fn keys_that_come_together_with_a_resize_are_not_kept_waiting() {
    let host = Host::start();
    let terminal = chatting(80, 24, &host.url());
    for round in 0..10 {
        terminal.resize(81 + round, 24);
        terminal.line(&format!("{}end-{round}", "long words ".repeat(200)));
        terminal.wait_for(&format!("end-{round}"));
    }
}

#[test]
fn commands_answer_in_the_terminal() {
    let host = Host::start();
    // Without --user: the user of the machine.
    let url = host.url();
    let terminal = Terminal::start(80, 24, &["--server", &url, "--app-id", "app"]);
    terminal.wait_for("#lobby");
    for (line, answer) in [
        ("hello", "you: hello"),
        ("/help", "- Tab: complete"),
        ("/jo", "did you mean /join?"),
        ("/part nowhere", "you are not in #nowhere"),
        ("/prop topic", "refused SetProperties"),
        ("/status away at lunch", "you are away"),
        ("/friend bob", "○ bob offline"),
        ("/stats", "messages received"),
        ("/join #second", "#second"),
        ("//slash", "you: /slash"),
        ("/msg @bob hi", "@bob"),
        ("/part", "#second"),
        ("/region nowhere", "choose another region"),
        ("/drop", "there is no connection to cut"),
        ("/prop topic=x", "there is no connection"),
        ("/region eu", "connected | you"),
        ("/drop", "the connection ended"),
    ] {
        terminal.line(line);
        terminal.wait_for(answer);
    }
    terminal.line("/quit");
    let (status, shown) = terminal.end();
    assert!(status.success() && !shown.is_in_use, "{status}");
}

#[test]
fn a_person_can_use_run_and_mistype() {
    const PROMPT: &str = "photon-chat> ";
    let host = Host::start();
    let url = host.url();
    let terminal = Terminal::start_with_lines(&["run", "--server", &url, "--app-id", "app"]);
    terminal.wait_for(PROMPT);
    for (line, answer) in [
        ("conect", "did you mean connect?"),
        ("wait ChatMessages 0.1", "no such event"),
        ("help wait-state", "is the way to"),
        ("# a comment", "# a comment"),
        ("connect", r#""line":"connect","ok":true"#),
        (
            "wait-state ConnectedToFrontEnd",
            r#""line":"wait-state ConnectedToFrontEnd","ok":true"#,
        ),
    ] {
        terminal.line(line);
        terminal.wait_for(answer);
    }
    // It disconnects first.
    terminal.press(CTRL_C);
    let (status, shown) = terminal.end();
    assert_eq!(status.code(), Some(130));
    assert!(shown.contains(r#""name":"Disconnected""#), "{shown}");
}

#[test]
fn ctrl_c_leaves_the_terminal_as_it_was() {
    let terminal = Terminal::start(80, 24, &[]);
    terminal.wait_for("#lobby");
    terminal.press(CTRL_C);
    let (status, shown) = terminal.end();
    assert!(status.success(), "{status}");
    assert!(!shown.is_in_use);
}

#[test]
fn a_closed_terminal_ends_the_program() {
    let mut terminal = Terminal::start(80, 24, &[]);
    terminal.wait_for("#lobby");
    terminal.close();
    terminal.end();
}

/// With the embedded server and the bots, which are in the same process.
#[test]
#[cfg(target_os = "linux")]
fn an_idle_program_takes_under_one_percent_of_a_processor() {
    const TIME: Duration = Duration::from_secs(8);
    let terminal = Terminal::start(80, 24, &[]);
    terminal.wait_for("3 members");
    let (began, before) = (Instant::now(), processor_time(&terminal));
    let _ = terminal.seen_within(TIME, |_| false);
    let used = processor_time(&terminal) - before;
    let percent = 100.0 * used.as_secs_f64() / began.elapsed().as_secs_f64();
    println!("idle for {TIME:?}: {used:?}, {percent:.2} % of a processor");
    assert!(percent < 1.0, "{percent} %");
}

/// The processor time of all threads: by the clock of the scheduler, or by the larger counts in
/// hundredths of a second, which miss what is shorter.
#[cfg(target_os = "linux")]
fn processor_time(terminal: &Terminal) -> Duration {
    let process = format!("/proc/{}", terminal.id());
    let stat = std::fs::read_to_string(format!("{process}/stat")).unwrap();
    // Fields 14 and 15, user and system time. The name before them may contain spaces.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(|field| field.parse::<u64>().unwrap()).sum();
    let threads = std::fs::read_dir(format!("{process}/task")).unwrap();
    let nanoseconds = threads.filter_map(|thread| {
        let times = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        times.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_millis(ticks * 10).max(Duration::from_nanos(nanoseconds.sum()))
}

/// The memory of the program, where the system tells it in a file.
fn resident_kilobytes(terminal: &Terminal) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", terminal.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
