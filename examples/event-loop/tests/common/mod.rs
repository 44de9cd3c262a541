//! Programs with their standard streams as lines, and users who talk to them.
#![allow(dead_code, reason = "each test program uses a part")]

use chat_std_io::{ChatConfig, Event, PublishOptions, Session, SubscribeOptions};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing here takes this long: a test that hangs fails instead.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A program that runs, and is killed if the test ends before it.
pub(crate) struct Program {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Lines that came before the one that a test waited for.
    passed: VecDeque<String>,
}

impl Program {
    pub(crate) fn start(path: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(path)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        read(child.stdout.take().unwrap(), sender.clone());
        read(child.stderr.take().unwrap(), sender);
        let input = child.stdin.take();
        Self {
            child,
            input,
            lines,
            passed: VecDeque::new(),
        }
    }

    pub(crate) fn write(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits for a line that contains this text, on either stream, unless it has come already.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let found = self.passed.iter().position(|line| line.contains(text));
        if let Some(found) = found {
            self.passed.remove(found);
            return;
        }
        loop {
            match self.lines.recv_timeout(LONG) {
                Ok(line) if line.contains(text) => return,
                Ok(line) => self.passed.push_back(line),
                Err(_) => panic!("no line with {text:?} among {:#?}", self.passed),
            }
        }
    }

    /// Ends the input, and waits for the end of the program. Returns the lines that were not taken.
    pub(crate) fn end(mut self) -> (ExitStatus, Vec<String>) {
        drop(self.input.take());
        // Both streams end with the program.
        let (began, mut rest) = (Instant::now(), Vec::new());
        while let Ok(line) = self.lines.recv_timeout(LONG) {
            rest.push(line);
        }
        assert!(
            began.elapsed() < LONG,
            "the program does not end: {rest:#?}"
        );
        (self.child.wait().unwrap(), rest)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(stream: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}

/// A user who is in one channel.
pub(crate) struct User {
    session: Session,
    channel: String,
}

impl User {
    pub(crate) fn join(url: &str, channel: &str, name: &str) -> Self {
        let config = ChatConfig::new(url, "app", "1.0").user_id(name);
        let mut session = Session::new(config).unwrap();
        session.chat.connect_to_region_front_end("eu").unwrap();
        let mut user = Self {
            session,
            channel: channel.to_owned(),
        };
        user.drive(|session, _| session.chat.is_connected_to_front_end());
        user.session
            .chat
            .subscribe([channel], &SubscribeOptions::new())
            .unwrap();
        user.drive(|_, event| matches!(event, Event::SubscribeResult(_)));
        user
    }

    /// Publishes a message and waits until the server has sent it back.
    pub(crate) fn publish(&mut self, text: &str) {
        let channel = self.channel.clone();
        self.session
            .chat
            .publish_message(&channel, text, &PublishOptions::new())
            .unwrap();
        assert_eq!(self.next_messages(1), [text]);
    }

    /// Waits for so many messages, and returns them.
    #[track_caller]
    pub(crate) fn next_messages(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        self.drive(|_, event| {
            if let Event::ChatMessages { messages, .. } = event {
                texts.extend(messages.iter().map(|message| message.content.to_string()));
            }
            texts.len() >= count
        });
        texts
    }

    #[track_caller]
    fn drive(&mut self, mut until: impl FnMut(&Session, &Event) -> bool) {
        let began = Instant::now();
        loop {
            self.session.wait(LONG);
            while let Some(event) = self.session.poll_event() {
                if until(&self.session, &event) {
                    return;
                }
            }
            assert!(
                began.elapsed() < LONG,
                "hangs in {:?}",
                self.session.chat.state()
            );
        }
    }
}
