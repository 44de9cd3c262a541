//! `photon-chat run`: commands in, one a line; events and the results of commands out, as JSON, one a line.

mod command;
mod event_buffer;
mod input;
mod json;

use crate::{USAGE, complain, output_failed};
use chat_core::{ChatConfig, ConnectOptions, PropertyOptions, RequestError, State, StatusMessage};
use chat_std_io::{CloseOutcome, Session, SessionOptions, Tls};
use command::{Command, Message};
use event_buffer::EventBuffer;
use input::{Lines, Next};
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use command::seconds;

/// How long a run takes at most, unless the command line says otherwise.
pub(crate) const MAX_SECONDS: Duration = Duration::from_secs(300);
/// The longest sleep while both the sockets and standard input are watched.
const TURN: Duration = Duration::from_millis(20);
/// How long the end of a run waits for the last bytes to leave.
const CLOSE: Duration = Duration::from_secs(2);
/// How long after its time a run that hangs, on an output that nobody reads, is ended all the same.
const GRACE: Duration = Duration::from_secs(3);

/// Exit statuses beside 0, 1 for broken input or output, and [`USAGE`] for a bad command.
const OVER: u8 = 2;
const WAIT_FAILED: u8 = 3;

/// What the command line says.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) config: ChatConfig,
    /// Whom `wss://` trusts.
    pub(crate) tls: Tls,
    pub(crate) region: String,
    pub(crate) max: Duration,
}

/// Why a run ends.
#[derive(Debug)]
enum Ending {
    /// A command, or the end of the input.
    Quit,
    BadCommand,
    WaitFailed,
    /// `--max-seconds` have passed.
    Over,
    Input(io::Error),
    Output(io::Error),
}

/// What became of a command.
enum Done {
    Good,
    /// The library refused it, and nothing happened.
    Refused(String),
    /// The run is over, for this reason if there is one.
    Ends(Ending, Option<String>),
}

impl From<Result<(), RequestError>> for Done {
    fn from(result: Result<(), RequestError>) -> Self {
        match result {
            Ok(()) => Self::Good,
            Err(error) => Self::Refused(error.to_string()),
        }
    }
}

/// Runs until the input ends, a command ends it, or its time is over.
pub(crate) fn run(options: Options) -> ExitCode {
    let Options {
        config,
        tls,
        region,
        max,
    } = options;
    let session = match Session::with_options(config, SessionOptions::new().tls(tls)) {
        Ok(session) => session,
        Err(error) => {
            complain(format_args!("{error}"));
            return ExitCode::FAILURE;
        }
    };
    thread::spawn(move || {
        thread::sleep(max.saturating_add(GRACE));
        std::process::exit(OVER.into());
    });
    let (lines, buffer, started) = (Lines::of_stdin(), EventBuffer::default(), Instant::now());
    let mut run = Run {
        session,
        region,
        lines,
        buffer,
        started,
        max,
    };
    let ending = run.all_lines().unwrap_or_else(Ending::Output);
    run.end(ending)
}

struct Run {
    session: Session,
    region: String,
    lines: Lines,
    /// Events that were printed and that no wait has taken.
    buffer: EventBuffer,
    started: Instant,
    max: Duration,
}

impl Run {
    fn all_lines(&mut self) -> io::Result<Ending> {
        loop {
            let line = match self.next_line()? {
                Ok(line) => line,
                Err(ending) => return Ok(ending),
            };
            let text = String::from_utf8_lossy(&line);
            if text.trim().is_empty() {
                continue;
            }
            let command = match std::str::from_utf8(&line) {
                Ok(text) => Command::parse(text),
                Err(_) => Err("the line is not UTF-8".into()),
            };
            let done = match command {
                Ok(command) => self.execute(command)?,
                Err(error) => Done::Ends(Ending::BadCommand, Some(error)),
            };
            let (error, ending) = match done {
                Done::Good => (None, None),
                Done::Refused(error) => (Some(error), None),
                Done::Ends(ending, error) => (error, Some(ending)),
            };
            print(&json::command(&text, error.as_deref()).to_string())?;
            if let Some(ending) = ending {
                return Ok(ending);
            }
            // What the command asked for leaves, and what has come is there for the next one.
            let _more = self.session.service();
            self.print_events()?;
        }
    }

    /// The next line of input; serves the session until there is one.
    fn next_line(&mut self) -> io::Result<Result<Vec<u8>, Ending>> {
        loop {
            let left = self.left();
            if left.is_zero() {
                return Ok(Err(Ending::Over));
            }
            let turn = left.min(TURN);
            let connected = !matches!(
                self.session.chat.state(),
                State::Uninitialized | State::Disconnected | State::Error
            );
            // Without a connection nothing comes from there, and commands need not wait for a turn.
            match self
                .lines
                .next(if connected { Duration::ZERO } else { turn })
            {
                Next::Line(line) => return Ok(Ok(line)),
                Next::End => return Ok(Err(Ending::Quit)),
                Next::Failed(error) => return Ok(Err(Ending::Input(error))),
                Next::NotYet => self
                    .session
                    .wait(if connected { turn } else { Duration::ZERO }),
            }
            self.print_events()?;
        }
    }

    fn execute(&mut self, command: Command) -> io::Result<Done> {
        let chat = &mut self.session.chat;
        Ok(match command {
            Command::Connect { stop } => {
                let options = ConnectOptions::new();
                let options = if stop {
                    options
                } else {
                    options.region(self.region.as_str())
                };
                chat.connect_to_name_server(options).into()
            }
            Command::Regions => {
                chat.get_regions();
                Done::Good
            }
            Command::Region(region) => chat.connect_to_region_front_end(region).into(),
            Command::Subscribe { channels, options } => {
                chat.subscribe(&channels, &options).map(drop).into()
            }
            Command::Unsubscribe { channels } => chat.unsubscribe(&channels).map(drop).into(),
            Command::Publish {
                channel,
                content,
                options,
            } => chat.publish_message(&channel, &content, &options).into(),
            Command::Private {
                user,
                content,
                options,
            } => chat.send_private_message(&user, &content, &options).into(),
            Command::Status { status, message } => {
                let message = match &message {
                    Message::Set(content) => StatusMessage::SetValue(content),
                    Message::Clear => StatusMessage::Clear,
                    Message::Keep => StatusMessage::Keep,
                };
                chat.set_user_status(status, message).into()
            }
            Command::AddFriends { users } => chat.add_friends(&users).into(),
            Command::RemoveFriends { users } => chat.remove_friends(&users).into(),
            Command::SetProperties {
                channel,
                user,
                properties,
            } => {
                let options = PropertyOptions::new();
                match user {
                    None => chat
                        .set_channel_properties(&channel, &properties, &options)
                        .into(),
                    Some(user) => chat
                        .set_user_properties(&channel, &user, &properties, &options)
                        .into(),
                }
            }
            Command::Operation {
                code,
                parameters,
                encrypt,
            } => chat.send_operation(code, &parameters, encrypt).into(),
            Command::Channels => {
                print(&json::channels(chat).to_string())?;
                Done::Good
            }
            Command::Stats => {
                print(&json::stats(&self.session).to_string())?;
                Done::Good
            }
            Command::Sleep { time } => match self.serve(time, |_| false)? {
                Served::Over => over(),
                Served::Found | Served::NotFound => Done::Good,
            },
            Command::Wait {
                event,
                time,
                substring,
            } => {
                let mut seen = 0;
                match self.serve(time, |buffer| {
                    buffer.take(&mut seen, &event, substring.as_deref())
                })? {
                    Served::Found => Done::Good,
                    Served::NotFound => {
                        wait_failed(format!("no such event within {} s", time.as_secs_f64()))
                    }
                    Served::Over => over(),
                }
            }
            Command::WaitCount { event, count, time } => {
                let mut missing = count;
                let all = |buffer: &mut EventBuffer| {
                    missing -= buffer.take_count(&event, missing);
                    missing == 0
                };
                match self.serve(time, all)? {
                    Served::Found => Done::Good,
                    Served::NotFound => {
                        let came = count - missing;
                        wait_failed(format!("{came} of {count} within {} s", time.as_secs_f64()))
                    }
                    Served::Over => over(),
                }
            }
            Command::Freeze { time } => {
                let left = self.left();
                // Nobody serves the session meanwhile: that is the point.
                thread::sleep(time.min(left));
                if time < left { Done::Good } else { over() }
            }
            Command::Drop => {
                self.session.simulate_connection_loss();
                Done::Good
            }
            Command::Disconnect => {
                chat.disconnect();
                Done::Good
            }
            Command::Reconnect => chat.reconnect().into(),
            Command::Forget => {
                chat.forget_channels();
                Done::Good
            }
            Command::Quit => Done::Ends(Ending::Quit, None),
        })
    }

    /// Serves the session until `found` says so, or for so long.
    fn serve(
        &mut self,
        time: Duration,
        mut found: impl FnMut(&mut EventBuffer) -> bool,
    ) -> io::Result<Served> {
        let started = Instant::now();
        loop {
            self.print_events()?;
            if found(&mut self.buffer) {
                return Ok(Served::Found);
            }
            let (left, left_of_all) = (time.saturating_sub(started.elapsed()), self.left());
            if left_of_all.is_zero() {
                return Ok(Served::Over);
            }
            if left.is_zero() {
                return Ok(Served::NotFound);
            }
            self.session.wait(left.min(left_of_all));
        }
    }

    /// How much of the run's time is left.
    fn left(&self) -> Duration {
        self.max.saturating_sub(self.started.elapsed())
    }

    fn print_events(&mut self) -> io::Result<()> {
        while let Some(event) = self.session.poll_event() {
            let line = json::event(&event).to_string();
            print(&line)?;
            self.buffer.add(event.name(), line, json::weight(&event));
        }
        Ok(())
    }

    /// Disconnects properly, whatever it was that ended the run.
    fn end(mut self, ending: Ending) -> ExitCode {
        self.session.chat.disconnect();
        let printed = match &ending {
            Ending::Output(_) => Ok(()),
            _ => self.print_events(),
        };
        if self.session.close(CLOSE) == CloseOutcome::Unsent {
            complain(format_args!(
                "the connection ended before everything was sent"
            ));
        }
        match (ending, printed) {
            (Ending::Output(error), _) | (Ending::Quit, Err(error)) => output_failed(&error),
            (Ending::Quit, Ok(())) => ExitCode::SUCCESS,
            (Ending::BadCommand, _) => ExitCode::from(USAGE),
            (Ending::WaitFailed, _) => ExitCode::from(WAIT_FAILED),
            (Ending::Over, _) => {
                complain(format_args!("ended by --max-seconds"));
                ExitCode::from(OVER)
            }
            (Ending::Input(error), _) => {
                complain(format_args!("standard input: {error}"));
                ExitCode::FAILURE
            }
        }
    }
}

/// How [`Run::serve`] went.
enum Served {
    Found,
    NotFound,
    Over,
}

fn wait_failed(error: String) -> Done {
    Done::Ends(Ending::WaitFailed, Some(error))
}

fn over() -> Done {
    Done::Ends(
        Ending::Over,
        Some("the run's time (--max-seconds) is over".into()),
    )
}

/// One line, written out at once, so that a program on the other end of the pipe can wait for it.
fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}
