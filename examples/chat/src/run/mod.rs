//! `photon-chat run`: reads one command per line, prints events and results of commands as JSON,
//! one object per line.
//!
//! ```text
//!   standard input ──> input ──> command ──> Session ──> json ──> line ──> standard output
//!                                                          └────> event_buffer (for wait)
//! ```

mod command;
mod condition;
mod event_buffer;
mod event_name;
mod input;
mod interrupt;
mod json;
mod line;
mod waiting;

use crate::{NAME, help};
use chat_core::{
    ChatConfig, ConnectOptions, Event, MessageToken, OperationOptions, PropertyOptions,
    RequestError, State, StatusMessage,
};
use chat_std_io::{CloseOutcome, Session, SessionOptions, Tls};
use command::{Command, Message};
use command_line::{EX_USAGE, LevelFilter, output_error, print_error};
use event_buffer::EventBuffer;
use input::{Lines, Next};
use interrupt::{INTERRUPTED, Interrupt};
use line::{escaped, print};
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};
use waiting::{Driven, interrupted, time_over};

/// The default of `--max-seconds`.
const MAX_RUN: Duration = Duration::from_secs(300);
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
    /// The longest duration of the run: zero for no limit; without a value five minutes, and no
    /// limit at a terminal.
    pub(crate) max: Option<Duration>,
    /// Whether a refused command ends the run.
    pub(crate) strict: bool,
    pub(crate) log_level: LevelFilter,
}

/// The reason why a run ends.
#[derive(Debug)]
enum Ending {
    /// The command `quit`, or the end of the input.
    Quit,
    BadCommand,
    WaitFailed,
    /// With `--strict`: a command was rejected.
    Rejected,
    /// `--max-seconds` have passed.
    TimeOver,
    /// SIGINT or SIGTERM.
    Interrupted,
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
        strict,
        log_level: _,
    } = options;
    let interactive = io::stdin().is_terminal() && io::stderr().is_terminal();
    let max = match max {
        // A limit protects from scripts that hang. A person would lose the session.
        None if interactive => None,
        None => Some(MAX_RUN),
        Some(max) => (!max.is_zero()).then_some(max),
    };
    let mut session = match Session::with_options(config, SessionOptions::new().tls(tls)) {
        Ok(session) => session,
        Err(error) => {
            print_error(NAME, error);
            return ExitCode::FAILURE;
        }
    };
    if let Some(max) = max {
        thread::spawn(move || {
            thread::sleep(max.saturating_add(GRACE));
            std::process::exit(TIME_OVER.into());
        });
    }
    let waker = match session.waker() {
        Ok(waker) => waker,
        Err(error) => {
            print_error(NAME, error);
            return ExitCode::FAILURE;
        }
    };
    let interrupt = match Interrupt::handle(waker.clone()) {
        Ok(interrupt) => interrupt,
        Err(error) => {
            print_error(NAME, format_args!("handling signals: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let mut run = Run {
        session,
        region,
        lines: Lines::of_stdin(waker),
        buffer: EventBuffer::default(),
        started: Instant::now(),
        max,
        strict,
        interactive,
        prompted: false,
        comes_back: false,
        interrupt,
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
    /// `None` for no limit.
    max: Option<Duration>,
    strict: bool,
    /// A person writes the commands: there is a prompt, and an error does not end the run.
    interactive: bool,
    /// The prompt is the last thing on the terminal.
    prompted: bool,
    /// The connection ended, and the client connects again by itself.
    comes_back: bool,
    interrupt: Interrupt,
}

impl Run {
    fn execute_all(&mut self) -> io::Result<Ending> {
        loop {
            let line = match self.next_line()? {
                Ok(line) => line,
                Err(ending) => return Ok(ending),
            };
            let text = String::from_utf8_lossy(&line);
            if text.trim().is_empty() || text.trim_start().starts_with('#') {
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
                Executed::Rejected(error) => (Some(error), self.strict.then_some(Ending::Rejected)),
                Executed::Ends(ending, error) => (error, Some(ending)),
            };
            print(&json::command(&text, token, error.as_deref()).to_string())?;
            match ending {
                // A person reads the error and writes the line again.
                Some(Ending::BadCommand | Ending::WaitFailed) if self.interactive => {}
                Some(ending) => return Ok(ending),
                None => {}
            }
            // Sends the command's request before the next command runs, and reads what has arrived.
            let _more = self.session.service();
            self.print_events()?;
        }
    }

    /// Waits for the next line of input and drives the session meanwhile.
    fn next_line(&mut self) -> io::Result<Result<Vec<u8>, Ending>> {
        loop {
            if self.interrupt.caught() {
                return Ok(Err(Ending::Interrupted));
            }
            let left = self.left();
            if left.is_zero() {
                return Ok(Err(Ending::TimeOver));
            }
            match self.lines.next() {
                Next::Line(line) => {
                    self.prompted = false;
                    return Ok(Ok(line));
                }
                Next::End => return Ok(Err(Ending::Quit)),
                Next::Failed(error) => return Ok(Err(Ending::Input(error))),
                Next::NotYet => {
                    self.prompt();
                    self.session.wait(left);
                }
            }
            self.print_events()?;
        }
    }

    /// Shows a person that the program waits for a command.
    fn prompt(&mut self) {
        if self.interactive && !self.prompted {
            let mut terminal = io::stderr();
            // Without a terminal nobody misses it.
            let _shown = write!(terminal, "{NAME}> ").and_then(|()| terminal.flush());
            self.prompted = true;
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
            Command::Sleep { time } => match self.drive_until(time, false, |_, _| false)? {
                Driven::TimeOver => time_over(),
                Driven::Interrupted => interrupted(),
                Driven::Found | Driven::NotFound | Driven::Ended => Executed::Accepted,
            },
            Command::Wait {
                event,
                time,
                filter,
            } => {
                let mut seen = 0;
                let driven = self.drive_until(time, true, |buffer, _| {
                    buffer.take(&mut seen, event, &filter)
                })?;
                self.waited(driven, time, "no such event")
            }
            Command::WaitCount { event, count, time } => {
                let mut missing = count;
                let driven = self.drive_until(time, true, |buffer, _| {
                    missing -= buffer.take_count(event, missing);
                    missing == 0
                })?;
                let found = count - missing;
                self.waited(driven, time, &format!("{found} of {count} events"))
            }
            Command::WaitState { state, time } => {
                let reached = |_: &mut EventBuffer, now: State| now == state;
                let driven = self.drive_until(time, true, reached)?;
                let now = self.session.chat.state();
                self.waited(driven, time, &format!("the state is {now}"))
            }
            Command::Freeze { time } => {
                let left = self.left();
                // Without driving the session: the command simulates a program that hangs.
                self.interrupt.sleep(time.min(left));
                if self.interrupt.caught() {
                    interrupted()
                } else if time < left {
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
            Command::Help { command } => {
                let text = command.map_or(help::commands(), |name| help::of_command(&name));
                if io::stdout().is_terminal() {
                    let mut out = io::stdout().lock();
                    out.write_all(text.as_bytes())?;
                } else {
                    // Whoever reads the output as JSON can go on doing so.
                    print(&json!({"event": "Help", "text": text}).to_string())?;
                }
                Executed::Accepted
            }
            Command::Quit => Executed::Ends(Ending::Quit, None),
        })
    }

    fn print_events(&mut self) -> io::Result<()> {
        while let Some(event) = self.session.poll_event() {
            match &event {
                Event::ReconnectScheduled { .. } => self.comes_back = true,
                Event::ReconnectGaveUp { .. } | Event::StateChanged { .. } => {
                    self.comes_back = false;
                }
                _ => {}
            }
            if self.prompted {
                // Below the prompt, which follows again.
                drop(writeln!(io::stderr()));
                self.prompted = false;
            }
            let line = json::event(&event).to_string();
            print(&line)?;
            let line = escaped(&line).into_owned();
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
            (Ending::Rejected, _) => {
                print_error(NAME, "the client refused a command: --strict ends the run");
                ExitCode::FAILURE
            }
            (Ending::Interrupted, _) => ExitCode::from(INTERRUPTED),
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
