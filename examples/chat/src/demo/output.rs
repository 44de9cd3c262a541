//! [`Output`]: what the demo prints, as a person likes to read it.

use super::user::Who;
use super::{Options, Privacy};
use std::env;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

const BOLD: &str = "1";
const GREEN: &str = "32";

/// The output of the demo.
pub(crate) struct Output {
    out: Box<dyn Write>,
    colour: bool,
    /// How many things were expected and came.
    kept: usize,
}

impl Output {
    /// Standard output, in colour if that is a terminal and nobody minds.
    pub(crate) fn of_stdout() -> Self {
        let out = io::stdout();
        // https://no-color.org: present and not empty.
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        let colour = out.is_terminal() && !unwanted && !dumb;
        Self::new(Box::new(out), colour)
    }

    pub(crate) fn new(out: Box<dyn Write>, colour: bool) -> Self {
        Self {
            out,
            colour,
            kept: 0,
        }
    }

    /// What this is.
    pub(crate) fn opening(&mut self, options: &Options, address: &str) -> io::Result<()> {
        let (over, language) = (options.transport.title(), options.language.name());
        self.line(format_args!(
            "Photon Chat demo over {over}, in {language}: a development server on loopback ({address}), not the Photon cloud."
        ))?;
        if options.privacy() == Privacy::Nothing {
            self.line(format_args!(
                "JSON has no key exchange, and this is no secure link: everything goes in clear, the login too."
            ))?;
        }
        if !options.line.is_clear() {
            self.line(format_args!(
                "The line is bad, in both directions: {}.",
                options.line
            ))?;
        }
        Ok(())
    }

    /// How many things were expected and came.
    pub(crate) const fn kept(&self) -> usize {
        self.kept
    }

    /// The heading of a table of conversations.
    pub(crate) fn table(&mut self) -> io::Result<()> {
        let words =
            "transport  protocol  private messages                expected and came      ms";
        self.heading(words)
    }

    /// One conversation.
    pub(crate) fn row(&mut self, options: &Options, kept: usize, took: Duration) -> io::Result<()> {
        let private = match options.privacy() {
            Privacy::Keys => "encrypted (Photon's keys)",
            Privacy::Link => "encrypted (TLS, as all else)",
            Privacy::Nothing => "in clear",
        };
        let (transport, language) = (options.transport.name(), options.language.name());
        self.line(format_args!(
            "{transport:9}  {language:8}  {private:30}  {kept:17}  {:6}",
            took.as_millis()
        ))
    }

    /// How it went.
    pub(crate) fn closing(&mut self) -> io::Result<()> {
        let words = format!(
            "All is well: {} things were expected, and all of them came.",
            self.kept
        );
        let words = self.painted(GREEN, &words);
        self.line(format_args!("\n{words}"))
    }

    pub(crate) fn heading(&mut self, words: &str) -> io::Result<()> {
        let words = self.painted(BOLD, words);
        self.line(format_args!("\n{words}"))
    }

    /// What a user does.
    pub(crate) fn does(&mut self, who: Who, what: impl fmt::Display) -> io::Result<()> {
        let name = self.name(who);
        self.line(format_args!("  {name}  {what}"))
    }

    /// What a user got, as it was expected.
    pub(crate) fn got(&mut self, who: Who, what: impl fmt::Display) -> io::Result<()> {
        self.kept += 1;
        let name = self.name(who);
        self.line(format_args!("  {name}    > {what}"))
    }

    /// A name, as wide as the widest.
    fn name(&self, who: Who) -> String {
        self.painted(who.colour(), &format!("{:5}", who.name()))
    }

    fn painted(&self, colour: &str, words: &str) -> String {
        if self.colour {
            format!("\x1b[{colour}m{words}\x1b[0m")
        } else {
            words.to_owned()
        }
    }

    fn line(&mut self, words: fmt::Arguments<'_>) -> io::Result<()> {
        writeln!(self.out, "{words}")
    }
}
