//! [`Output`]: the text that the demo prints.

use super::user::User;
use super::{Options, Protection};
use std::env;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

// Parameters of the ANSI escape sequence "select graphic rendition".
const BOLD: &str = "1";
const GREEN: &str = "32";

/// The output of the demo.
pub(crate) struct Output {
    out: Box<dyn Write>,
    colour: bool,
    observed: usize,
}

impl Output {
    /// Standard output, in colour if it is a terminal that supports it.
    pub(crate) fn of_stdout() -> Self {
        let out = io::stdout();
        // Set and not empty: no colour. https://no-color.org
        let disabled = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let unsupported = env::var_os("TERM").is_some_and(|value| value == "dumb");
        let colour = out.is_terminal() && !disabled && !unsupported;
        Self::new(Box::new(out), colour)
    }

    pub(crate) fn new(out: Box<dyn Write>, colour: bool) -> Self {
        Self {
            out,
            colour,
            observed: 0,
        }
    }

    /// Prints what the demo runs over.
    pub(crate) fn opening(&mut self, options: &Options, address: &str) -> io::Result<()> {
        let (over, protocol) = (options.transport.title(), options.protocol);
        self.line(format_args!(
            "Photon Chat demo over {over}, protocol {protocol}. It runs through a development server on loopback \
             ({address}), not the Photon cloud."
        ))?;
        if options.protection() == Protection::None {
            self.line(format_args!(
                "JSON over ws has no encryption: everything is sent in clear, the login included."
            ))?;
        }
        if !options.conditions.is_clear() {
            self.line(format_args!(
                "The network is bad in both directions: {}.",
                options.conditions
            ))?;
        }
        Ok(())
    }

    /// How many expected events were printed.
    pub(crate) const fn observed(&self) -> usize {
        self.observed
    }

    /// Prints the heading of the table of conversations.
    pub(crate) fn table_heading(&mut self) -> io::Result<()> {
        self.heading("transport  protocol  private messages                expected events      ms")
    }

    /// Prints the row of one conversation.
    pub(crate) fn table_row(
        &mut self,
        options: &Options,
        observed: usize,
        took: Duration,
    ) -> io::Result<()> {
        let private = match options.protection() {
            Protection::KeyExchange => "encrypted (key exchange)",
            Protection::Tls => "encrypted (TLS, as all data)",
            Protection::None => "in clear",
        };
        let (transport, protocol) = (options.transport.scheme(), options.protocol.short_name());
        self.line(format_args!(
            "{transport:9}  {protocol:8}  {private:30}  {observed:15}  {:6}",
            took.as_millis()
        ))
    }

    /// Prints the result of a conversation in which every expected event arrived.
    pub(crate) fn closing(&mut self) -> io::Result<()> {
        let text = format!(
            "The demo passed: all {} expected events arrived.",
            self.observed
        );
        let text = self.painted(GREEN, &text);
        self.line(format_args!("\n{text}"))
    }

    pub(crate) fn heading(&mut self, text: &str) -> io::Result<()> {
        let text = self.painted(BOLD, text);
        self.line(format_args!("\n{text}"))
    }

    /// Prints what a user does.
    pub(crate) fn action(&mut self, user: User, action: impl fmt::Display) -> io::Result<()> {
        let name = self.name(user);
        self.line(format_args!("  {name}  {action}"))
    }

    /// Prints an event that a user received as expected, and counts it.
    pub(crate) fn event(&mut self, user: User, event: impl fmt::Display) -> io::Result<()> {
        self.observed += 1;
        let name = self.name(user);
        self.line(format_args!("  {name}    > {event}"))
    }

    /// The user's name, padded to the longer one.
    fn name(&self, user: User) -> String {
        self.painted(user.colour(), &format!("{:5}", user.name()))
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn line(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }
}
