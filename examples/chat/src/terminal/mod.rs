//! The terminal chat: `photon-chat` without a command.
//!
//! ```text
//!   keys ──────────> screen ──> action ──> perform ──> Session
//!   Session events ──> screen ──> render ──> terminal
//! ```
//!
//! One thread drives all of it. It sleeps until a key, a socket or a deadline wakes it, and draws
//! only if something changed. A second thread waits for keys, because a terminal is no socket.

mod action;
mod bots;
mod conversation;
mod entry;
mod input;
mod keys;
mod perform;
mod render;
mod report;
mod screen;
#[cfg(test)]
mod svg;
#[cfg(test)]
mod tests;
mod text;

use crate::settings::Settings;
use crate::{NAME, help};
use chat_core::{ConnectOptions, Event, Restore, State, StatusMessage, UserStatus};
use chat_std_io::{Session, SessionOptions, Waker};
use command_line::{EX_USAGE, LevelFilter, print_error};
use conversation::Target;
use dev_server::server::LocalServer;
use dev_server::{ServerConfig, Transport};
use perform::Performed;
use ratatui::crossterm::event::{
    self, DisableBracketedPaste, EnableBracketedPaste, Event as Input, KeyEventKind,
};
use ratatui::crossterm::execute;
use ratatui::style::Color;
use screen::{Measured, Screen};
use std::error::Error;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// The longest sleep: measurements that no event announces are this old at most.
const MAX_SLEEP: Duration = Duration::from_secs(30);
/// The longest wait for the last bytes to be sent.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How many members are listed. A publishing channel has at most 100; a server may disagree.
const MAX_MEMBERS: usize = 1000;
/// How many bytes of messages wait while there is no connection.
const QUEUE_BYTES: usize = 64 * 1024;

/// The options of the terminal chat.
#[derive(Debug)]
pub(crate) struct Options {
    /// `None`: an embedded development server.
    pub(crate) settings: Option<Settings>,
    /// With an embedded server.
    pub(crate) transport: Transport,
    pub(crate) user: String,
    /// The channels to begin with.
    pub(crate) channels: Vec<String>,
    pub(crate) log_level: LevelFilter,
}

/// The channels to begin with, where the bots of the embedded server are.
pub(crate) fn default_channels() -> Vec<String> {
    vec![bots::CHANNEL.into()]
}

/// Runs until the user leaves.
pub(crate) fn run(options: Options) -> ExitCode {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        // On standard error: whoever reads the output expects no help there.
        eprint!("{}", help::PROGRAM);
        print_error(
            NAME,
            "the terminal chat needs a terminal: use demo or run (photon-chat --help)",
        );
        return ExitCode::from(EX_USAGE);
    }
    if options.log_level != LevelFilter::Off && io::stderr().is_terminal() {
        print_error(
            NAME,
            "--log-level: log lines would destroy the picture; send them to a file with 2>FILE",
        );
        return ExitCode::from(EX_USAGE);
    }
    match chat(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(NAME, error);
            ExitCode::FAILURE
        }
    }
}

fn chat(options: Options) -> Result<(), Box<dyn Error>> {
    // Kept until the end: dropping it stops it.
    let (settings, embedded) = match options.settings {
        Some(settings) => (settings, None),
        None => {
            let config = ServerConfig::new().with(|config| config.properties = true);
            let server = LocalServer::start(config)?;
            bots::start(&server.url(Transport::Udp));
            let url = server.url(options.transport);
            // One user id of two clients would be one user.
            let is_taken = bots::NAMES.contains(&options.user.as_str());
            let user = if is_taken { "guest" } else { &options.user };
            let settings = Settings::embedded(&url, user, server.certificate_pem())?;
            (settings, Some(server))
        }
    };
    let config = settings
        .config
        .restore(Restore::new().queue_cap_bytes(QUEUE_BYTES));
    let mut session = Session::with_options(config, SessionOptions::new().tls(settings.tls))?;
    let mut screen = Screen::new(&options.user, &settings.server);
    let waker = session.waker()?;
    let stopped = stop_on_signals(&waker)?;
    session
        .chat
        .connect_to_name_server(ConnectOptions::new().region(settings.region.as_str()))?;
    if embedded.is_some() {
        screen.notice("This is a development server inside of this program, with two bots. /help lists the commands.");
    }
    let mut program = Program {
        session,
        screen,
        started: Instant::now(),
        channels: options.channels,
        is_embedded: embedded.is_some(),
        is_plain: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
    };
    let mut terminal = ratatui::try_init()?;
    // Terminals without it paste as if the text was typed.
    let _pasting = execute!(io::stdout(), EnableBracketedPaste);
    let inputs = read_inputs(waker);
    let ended = program.run(&mut terminal, &inputs, &stopped);
    let _pasting = execute!(io::stdout(), DisableBracketedPaste);
    ratatui::restore();
    program.session.chat.disconnect();
    program.session.close(CLOSE_TIMEOUT);
    Ok(ended?)
}

/// SIGINT, SIGTERM and the closed terminal end the program in an orderly way. (Ctrl-C is a key here.)
fn stop_on_signals(waker: &Waker) -> Result<Arc<AtomicBool>, ctrlc::Error> {
    let stopped = Arc::new(AtomicBool::new(false));
    let (caught, waker) = (Arc::clone(&stopped), waker.clone());
    ctrlc::set_handler(move || {
        caught.store(true, Ordering::Release);
        waker.wake();
    })?;
    Ok(stopped)
}

/// Reads keys in a thread, which lasts as long as the program: a read cannot be interrupted.
fn read_inputs(waker: Waker) -> Receiver<io::Result<Input>> {
    // Bounded, so that a large paste waits in the terminal.
    let (sender, receiver) = mpsc::sync_channel(64);
    thread::spawn(move || {
        loop {
            let input = event::read();
            let failed = input.is_err();
            if sender.send(input).is_err() || failed {
                return;
            }
            waker.wake();
        }
    });
    receiver
}

struct Program {
    session: Session,
    screen: Screen,
    started: Instant,
    channels: Vec<String>,
    is_embedded: bool,
    /// No colours: <https://no-color.org>.
    is_plain: bool,
}

impl Program {
    fn run(
        &mut self,
        terminal: &mut ratatui::DefaultTerminal,
        inputs: &Receiver<io::Result<Input>>,
        stopped: &AtomicBool,
    ) -> io::Result<()> {
        loop {
            while let Some(event) = self.session.poll_event() {
                self.screen.on_event(&event);
                self.follow_up(&event);
            }
            while let Ok(input) = inputs.try_recv() {
                if self.on_input(input?) == Performed::Quit {
                    return Ok(());
                }
            }
            if stopped.load(Ordering::Acquire) {
                return Ok(());
            }
            // What the keys asked for is sent now.
            let _more = self.session.service();
            self.screen.set_time(self.started.elapsed());
            self.measure();
            if self.screen.take_changed() {
                self.draw(terminal)?;
            }
            let sleep = self.screen.next_change().map_or(MAX_SLEEP, |at| {
                at.saturating_sub(self.started.elapsed()).min(MAX_SLEEP)
            });
            self.session.wait(sleep);
        }
    }

    fn draw(&mut self, terminal: &mut ratatui::DefaultTerminal) -> io::Result<()> {
        let mut rendered = None;
        terminal.draw(|frame| {
            let drawn = render::render(&self.screen, frame.buffer_mut());
            if self.is_plain {
                for cell in &mut frame.buffer_mut().content {
                    cell.fg = Color::Reset;
                }
            }
            frame.set_cursor_position(drawn.cursor);
            rendered = Some(drawn);
        })?;
        if let Some(rendered) = rendered {
            self.screen
                .note_drawn(rendered.columns, rendered.page, rendered.most_scroll);
        }
        Ok(())
    }

    fn on_input(&mut self, input: Input) -> Performed {
        match input {
            // Windows also reports the release of a key.
            Input::Key(key) if key.kind != KeyEventKind::Release => {
                if let Some(action) = self.screen.on_key(key) {
                    return perform::perform(action, &mut self.session, &mut self.screen);
                }
            }
            Input::Paste(text) => self.screen.on_paste(&text),
            Input::Resize(..) => self.screen.on_resize(),
            _ => {}
        }
        Performed::Done
    }

    /// Joins the first channels after the first login; the client itself does so after others.
    fn follow_up(&mut self, event: &Event) {
        if !matches!(
            event,
            Event::StateChanged {
                to: State::ConnectedToFrontEnd,
                ..
            }
        ) {
            return;
        }
        for channel in std::mem::take(&mut self.channels) {
            perform::join(&channel, &mut self.session, &mut self.screen);
        }
        if std::mem::take(&mut self.is_embedded) {
            let friends = self.session.chat.add_friends(bots::NAMES);
            let status = self
                .session
                .chat
                .set_user_status(UserStatus::ONLINE, StatusMessage::Clear);
            debug_assert!(friends.is_ok() && status.is_ok());
        }
    }

    /// Passes on what no event reports.
    fn measure(&mut self) {
        let chat = &self.session.chat;
        let stats = chat.stats();
        let members = match &self.screen.current().target {
            Target::Channel(name) => chat.channel(name).map_or_else(Vec::new, |channel| {
                let mut members: Vec<String> = channel
                    .subscribers()
                    .take(MAX_MEMBERS)
                    .map(|user| text::clean(user))
                    .collect();
                members.sort();
                members
            }),
            _ => Vec::new(),
        };
        let loss = stats
            .udp
            .map(|udp| udp.resent_commands * 100 / udp.sent_datagrams.max(1));
        self.screen.set_measured(Measured {
            members,
            round_trip: stats.round_trip,
            loss,
        });
    }
}
