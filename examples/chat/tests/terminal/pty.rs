//! [`Terminal`]: the program in a pseudo-terminal, with a screen that shows what it writes.

use super::guard::Guard;
use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};
use vt100::Parser;

/// Nothing here takes this long: a test that hangs fails instead.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// The keys that have no character, as terminals send them.
pub(crate) const ENTER: &str = "\r";
pub(crate) const PAGE_UP: &str = "\x1b[5~";
pub(crate) const PAGE_DOWN: &str = "\x1b[6~";
pub(crate) const CTRL_C: &str = "\x03";

/// A terminal with the program in it, which is killed if the test ends before it.
pub(crate) struct Terminal {
    /// `None` once the terminal is closed.
    pty: Option<Arc<Pty>>,
    child: Child,
    shared: Arc<Shared>,
}

struct Shared {
    output: Mutex<Output>,
    changed: Condvar,
}

struct Output {
    parser: Parser,
    guard: Guard,
}

impl Terminal {
    /// Starts the program, with nothing of the environment of this test and no file of settings.
    pub(crate) fn start(columns: u16, rows: u16, arguments: &[&str]) -> Self {
        Self::start_with(columns, rows, arguments, Guard::default())
    }

    /// Starts it as a program that prints lines.
    pub(crate) fn start_with_lines(arguments: &[&str]) -> Self {
        Self::start_with(120, 40, arguments, Guard::of_lines())
    }

    fn start_with(columns: u16, rows: u16, arguments: &[&str], guard: Guard) -> Self {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(rows, columns)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_photon-chat"))
            .args(arguments)
            .env_clear()
            .env("TERM", "xterm-256color")
            .env("USER", "you")
            .spawn(pts)
            .unwrap();
        let shared = Arc::new(Shared {
            output: Mutex::new(Output {
                parser: Parser::new(at_least_one(rows), at_least_one(columns), 0),
                guard,
            }),
            changed: Condvar::new(),
        });
        let pty = Arc::new(pty);
        {
            let (pty, shared) = (Arc::clone(&pty), Arc::clone(&shared));
            // Reads until the program has ended: the system reports an error then.
            thread::spawn(move || {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(bytes) = (&*pty).read(&mut buffer) {
                    let mut output = shared.output();
                    output.parser.process(&buffer[..bytes]);
                    output.guard.process(&buffer[..bytes]);
                    shared.changed.notify_all();
                }
            });
        }
        Self {
            pty: Some(pty),
            child,
            shared,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Presses keys.
    pub(crate) fn press(&self, keys: &str) {
        let mut pty = &**self.pty.as_ref().unwrap();
        pty.write_all(keys.as_bytes()).unwrap();
    }

    /// Writes a line.
    pub(crate) fn line(&self, text: &str) {
        self.press(text);
        self.press(ENTER);
    }

    /// Changes the size, as a user does who drags the corner of the window.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        // With the output held: what is written for the new size belongs on the new screen.
        let mut output = self.shared.output();
        output
            .parser
            .set_size(at_least_one(rows), at_least_one(columns));
        let pty = self.pty.as_ref().unwrap();
        pty.resize(Size::new(rows, columns)).unwrap();
    }

    /// Waits until the screen is like this.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(&Shown) -> bool) -> Shown {
        match self.seen_within(LONG, is_so) {
            Ok(shown) => shown,
            Err(shown) => panic!("{what} is not shown within {LONG:?}:\n{shown}"),
        }
    }

    /// Waits until the screen contains a text.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> Shown {
        self.wait_until(text, |shown| shown.contains(text))
    }

    /// Waits for the screen to be like this, at most for a time. The error is the last screen.
    pub(crate) fn seen_within(
        &self,
        time: Duration,
        is_so: impl Fn(&Shown) -> bool,
    ) -> Result<Shown, Shown> {
        let end = Instant::now() + time;
        let mut output = self.shared.output();
        loop {
            output.guard.assert_harmless();
            let shown = Shown::of(&output.parser);
            if is_so(&shown) {
                return Ok(shown);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(shown);
            }
            output = self.shared.changed.wait_timeout(output, left).unwrap().0;
        }
    }

    /// Closes the terminal, as with its window, while the program runs.
    pub(crate) fn close(&mut self) {
        // The reader holds it, too, until the program is gone; so the program gets the signal that a
        // closed terminal causes.
        self.pty = None;
        let id = self.child.id().to_string();
        let _ = std::process::Command::new("kill")
            .args(["-HUP", &id])
            .status();
    }

    /// Waits for the end of the program.
    pub(crate) fn end(mut self) -> (ExitStatus, Shown) {
        let end = Instant::now() + LONG;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "the program does not end");
            let output = self.shared.output();
            let short = Duration::from_millis(50);
            drop(self.shared.changed.wait_timeout(output, short).unwrap());
        };
        let shown = Shown::of(&self.shared.output().parser);
        (status, shown)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !thread::panicking() {
            self.shared.output().guard.assert_harmless();
        }
    }
}

impl Shared {
    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap()
    }
}

fn at_least_one(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap()
}

/// The screen at one moment.
pub(crate) struct Shown {
    pub(crate) rows: Vec<String>,
    /// Whether a text went over the right edge, so that the terminal continued it in the next row.
    pub(crate) is_over_the_edge: bool,
    /// The program has not left: its own screen, and pastes in one piece.
    pub(crate) is_in_use: bool,
}

impl Shown {
    fn of(parser: &Parser) -> Self {
        let screen = parser.screen();
        let (rows, columns) = screen.size();
        Self {
            rows: screen.rows(0, columns.get()).collect(),
            is_over_the_edge: (0..rows.get()).any(|row| screen.row_wrapped(row)),
            is_in_use: screen.alternate_screen() || screen.bracketed_paste(),
        }
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        self.rows.iter().any(|row| row.contains(text))
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.rows.iter().try_for_each(|row| writeln!(out, "|{row}"))
    }
}
