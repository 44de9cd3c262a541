//! `photon-chat run`: reads one command per line, prints events and results of commands as JSON,
//! one object per line.
//!
//! ```text
//!   standard input ──> input ──> command ──> Session ──> json ──> standard output
//!                                                          └───> event_buffer (for wait)
//! ```

mod command;
mod event_buffer;
mod input;
mod json;

use crate::NAME;
use chat_core::{
    ChatConfig, ConnectOptions, MessageToken, OperationOptions, PropertyOptions, RequestError,
    StatusMessage,
};
use chat_std_io::{CloseOutcome, Session, SessionOptions, Tls};
use command::{Command, Message};
use command_line::{EX_USAGE, LevelFilter, output_error, print_error};
use event_buffer::EventBuffer;
use input::{Lines, Next};
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// The default of `--max-seconds`.
pub(crate) const MAX_RUN: Duration = Duration::from_secs(300);
/// The longest wait for the last bytes to be sent.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// The process is ended by force so long after `--max-seconds`, for example if it blocks because
/// its standard output is not read.
const GRACE: Duration = Duration::from_secs(3);

// Exit statuses beside success, failed input or output (1), and `EX_USAGE` for a bad command.
const TIME_OVER: u8 = 2;
const WAIT_FAILED: u8 = 3;

/// The options of `photon-chat run`.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) config: ChatConfig,
    /// The certificates that `wss://` trusts.
    pub(crate) tls: Tls,
    pub(crate) region: String,
    /// The longest duration of the run.
    pub(crate) max: Duration,
    pub(crate) log_level: LevelFilter,
}

/// The reason why a run ends.
#[derive(Debug)]
enum Ending {
    /// The command `quit`, or the end of the input.
    Quit,
    BadCommand,
    WaitFailed,
    /// `--max-seconds` have passed.
    TimeOver,
    Input(io::Error),
    Output(io::Error),
}

/// The result of a command.
enum Executed {
    Accepted,
    /// The library accepted a message for sending.
    Message(MessageToken),
    /// The library returned an error, and nothing was sent.
    Rejected(String),
    /// The run ends. The text, if any, becomes the error of the command.
    Ends(Ending, Option<String>),
}

impl From<Result<(), RequestError>> for Executed {
    fn from(result: Result<(), RequestError>) -> Self {
        match result {
            Ok(()) => Self::Accepted,
            Err(error) => Self::Rejected(error.to_string()),
        }
    }
}

impl From<Result<MessageToken, RequestError>> for Executed {
    fn from(result: Result<MessageToken, RequestError>) -> Self {
        match result {
            Ok(token) => Self::Message(token),
            Err(error) => Self::Rejected(error.to_string()),
        }
    }
}

/// Runs until the input ends, a command ends the run, or the time is over.
pub(crate) fn run(options: Options) -> ExitCode {
    let Options {
        config,
        tls,
        region,
        max,
        log_level: _,
    } = options;
    let mut session = match Session::with_options(config, SessionOptions::new().tls(tls)) {
        Ok(session) => session,
        Err(error) => {
            print_error(NAME, error);
            return ExitCode::FAILURE;
        }
    };
    thread::spawn(move || {
        thread::sleep(max.saturating_add(GRACE));
        std::process::exit(TIME_OVER.into());
    });
    let waker = match session.waker() {
        Ok(waker) => waker,
        Err(error) => {
            print_error(NAME, error);
            return ExitCode::FAILURE;
        }
    };
    let lines = Lines::of_stdin(waker);
    let (buffer, started) = (EventBuffer::default(), Instant::now());
    let mut run = Run {
        session,
        region,
        lines,
        buffer,
        started,
        max,
    };
    let ending = run.execute_all().unwrap_or_else(Ending::Output);
    run.end(ending)
}

struct Run {
    session: Session,
    region: String,
    lines: Lines,
    /// Printed events that no `wait` has consumed.
    buffer: EventBuffer,
    started: Instant,
    max: Duration,
}

impl Run {
    fn execute_all(&mut self) -> io::Result<Ending> {
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
            let executed = match command {
                Ok(command) => self.execute(command)?,
                Err(error) => Executed::Ends(Ending::BadCommand, Some(error)),
            };
            let token = match executed {
                Executed::Message(token) => Some(token),
                _ => None,
            };
            let (error, ending) = match executed {
                Executed::Accepted | Executed::Message(_) => (None, None),
                Executed::Rejected(error) => (Some(error), None),
                Executed::Ends(ending, error) => (error, Some(ending)),
            };
            print(&json::command(&text, token, error.as_deref()).to_string())?;
            if let Some(ending) = ending {
                return Ok(ending);
            }
            // Sends the command's request before the next command runs, and reads what has arrived.
            let _more = self.session.service();
            self.print_events()?;
        }
    }

    /// Waits for the next line of input and drives the session meanwhile.
    fn next_line(&mut self) -> io::Result<Result<Vec<u8>, Ending>> {
        loop {
            let left = self.left();
            if left.is_zero() {
                return Ok(Err(Ending::TimeOver));
            }
            match self.lines.next() {
                Next::Line(line) => return Ok(Ok(line)),
                Next::End => return Ok(Err(Ending::Quit)),
                Next::Failed(error) => return Ok(Err(Ending::Input(error))),
                Next::NotYet => self.session.wait(left),
            }
            self.print_events()?;
        }
    }

    fn execute(&mut self, command: Command) -> io::Result<Executed> {
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
            Command::Regions => chat.get_regions().into(),
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
            } => {
                let options = OperationOptions::new().encrypt(encrypt);
                chat.send_operation(code, &parameters, &options).into()
            }
            Command::Channels => {
                print(&json::channels(chat).to_string())?;
                Executed::Accepted
            }
            Command::Stats => {
                print(&json::stats(&self.session).to_string())?;
                Executed::Accepted
            }
            Command::Sleep { time } => match self.drive_until(time, |_, _| false)? {
                Driven::TimeOver => time_over(),
                Driven::Found | Driven::NotFound => Executed::Accepted,
            },
            Command::Wait {
                event,
                time,
                substring,
            } => {
                let mut seen = 0;
                match self.drive_until(time, |buffer, _| {
                    buffer.take(&mut seen, &event, substring.as_deref())
                })? {
                    Driven::Found => Executed::Accepted,
                    Driven::NotFound => {
                        wait_failed(format!("no such event within {} s", time.as_secs_f64()))
                    }
                    Driven::TimeOver => time_over(),
                }
            }
            Command::WaitCount { event, count, time } => {
                let mut missing = count;
                let all = |buffer: &mut EventBuffer, _: &Session| {
                    missing -= buffer.take_count(&event, missing);
                    missing == 0
                };
                match self.drive_until(time, all)? {
                    Driven::Found => Executed::Accepted,
                    Driven::NotFound => {
                        let found = count - missing;
                        let seconds = time.as_secs_f64();
                        wait_failed(format!("{found} of {count} events within {seconds} s"))
                    }
                    Driven::TimeOver => time_over(),
                }
            }
            Command::WaitState { state, time } => {
                match self.drive_until(time, |_, session| session.chat.state() == state)? {
                    Driven::Found => Executed::Accepted,
                    Driven::NotFound => {
                        let (now, seconds) = (self.session.chat.state(), time.as_secs_f64());
                        wait_failed(format!("the state is {now} after {seconds} s"))
                    }
                    Driven::TimeOver => time_over(),
                }
            }
            Command::Freeze { time } => {
                let left = self.left();
                // Without driving the session: the command simulates a program that hangs.
                thread::sleep(time.min(left));
                if time < left {
                    Executed::Accepted
                } else {
                    time_over()
                }
            }
            Command::Drop => {
                self.session.simulate_connection_loss();
                Executed::Accepted
            }
            Command::Disconnect => {
                chat.disconnect();
                Executed::Accepted
            }
            Command::Reconnect => chat.reconnect().into(),
            Command::Suspend => self.session.suspend().into(),
            Command::Resume => self.session.resume().into(),
            Command::NetworkChanged => self.session.network_changed().into(),
            Command::Forget => {
                chat.forget_channels();
                Executed::Accepted
            }
            Command::Quit => Executed::Ends(Ending::Quit, None),
        })
    }

    /// Drives the session until `found` returns true, `time` has passed, or the run's time is over.
    fn drive_until(
        &mut self,
        time: Duration,
        mut found: impl FnMut(&mut EventBuffer, &Session) -> bool,
    ) -> io::Result<Driven> {
        let started = Instant::now();
        loop {
            self.print_events()?;
            if found(&mut self.buffer, &self.session) {
                return Ok(Driven::Found);
            }
            let left = time.saturating_sub(started.elapsed());
            let left_of_run = self.left();
            if left_of_run.is_zero() {
                return Ok(Driven::TimeOver);
            }
            if left.is_zero() {
                return Ok(Driven::NotFound);
            }
            self.session.wait(left.min(left_of_run));
        }
    }

    /// The time until `--max-seconds` have passed.
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

    /// Disconnects in an orderly way, whatever ended the run, and returns the exit status.
    fn end(mut self, ending: Ending) -> ExitCode {
        self.session.chat.disconnect();
        let printed = match &ending {
            Ending::Output(_) => Ok(()),
            _ => self.print_events(),
        };
        if self.session.close(CLOSE_TIMEOUT) == CloseOutcome::Unsent {
            print_error(NAME, "the connection ended before everything was sent");
        }
        match (ending, printed) {
            (Ending::Output(error), _) | (Ending::Quit, Err(error)) => output_error(NAME, &error),
            (Ending::Quit, Ok(())) => ExitCode::SUCCESS,
            (Ending::BadCommand, _) => ExitCode::from(EX_USAGE),
            (Ending::WaitFailed, _) => ExitCode::from(WAIT_FAILED),
            (Ending::TimeOver, _) => {
                print_error(NAME, "ended by --max-seconds");
                ExitCode::from(TIME_OVER)
            }
            (Ending::Input(error), _) => {
                print_error(NAME, format_args!("reading standard input: {error}"));
                ExitCode::FAILURE
            }
        }
    }
}

/// The result of [`Run::drive_until`].
enum Driven {
    Found,
    NotFound,
    /// `--max-seconds` have passed.
    TimeOver,
}

fn wait_failed(error: String) -> Executed {
    Executed::Ends(Ending::WaitFailed, Some(error))
}

fn time_over() -> Executed {
    Executed::Ends(
        Ending::TimeOver,
        Some("the run's time (--max-seconds) is over".into()),
    )
}

/// Prints a line and flushes it, so that a script can wait for it.
fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}
