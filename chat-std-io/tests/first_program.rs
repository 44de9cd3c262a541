//! The first program that a newcomer reads. The README, the front page of the docs and the guide show
//! the same one, and it talks.

mod harness;

use chat_std_io::{ChatConfig, Event, SubscribeOptions};
use dev_server::Transport;
use harness::*;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::{env, thread};

mod program {
    include!("../examples/first_client.rs");

    pub(super) fn run() -> Result<(), Box<dyn Error>> {
        main()
    }
}

/// The variable by which the test knows that it is the process of the program.
const IS_PROGRAM: &str = "FIRST_PROGRAM";

/// Ends the program, which does not end by itself, whatever happens to the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

/// The code blocks of a Markdown text.
fn code_blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines() {
        if line.starts_with("```") {
            match block.take() {
                Some(block) => blocks.push(block),
                None => block = Some(String::new()),
            }
        } else if let Some(block) = &mut block {
            block.push_str(line);
            block.push('\n');
        }
    }
    blocks
}

/// The text without white space: the docs have longer lines than rustfmt allows.
fn dense(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn the_readme_the_front_page_and_the_guide_show_the_same_program() {
    let example = include_str!("../examples/first_client.rs");
    let (_, program) = example
        .split_once("\n\n")
        .expect("a comment, then the program");
    let front_page: Vec<&str> = include_str!("../src/lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let front_page = front_page.join("\n");
    for (place, text) in [
        ("README.md", include_str!("../../README.md")),
        ("lib.rs", &front_page),
        (
            "first_client.md",
            include_str!("../src/guide/first_client.md"),
        ),
    ] {
        let blocks = code_blocks(text);
        let first = blocks.iter().find(|block| block.contains("fn main"));
        let first = first.unwrap_or_else(|| panic!("{place} has no program"));
        assert_eq!(
            dense(first),
            dense(program),
            "{place} shows another program:\n{first}"
        );
    }
}

#[test]
fn the_first_program_talks() {
    const USER: &str = "the_first_program_talks";
    if env::var_os(IS_PROGRAM).is_some() {
        return program::run().expect("it runs until it is killed");
    }
    let server = Server::over(Transport::Udp);
    let url = server.addresses.name_server_url(Transport::Udp).unwrap();
    // Users of different apps do not meet.
    let config = ChatConfig::new(url.as_str(), "any-app-id", "1.0").user_id("bob");
    let mut bob = on_front_end(config, server.options());
    let options = SubscribeOptions::new();
    bob.chat.subscribe(["lobby"], &options).unwrap();
    drive(&mut bob, |_, event| {
        matches!(event, Event::SubscribeResult(_))
    });

    // The first argument selects the test, and is the user of the program.
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([USER, "--exact", "--nocapture"]);
    command.env("PHOTON_SERVER", &url);
    command.env(IS_PROGRAM, "1").stdout(Stdio::piped());
    let mut program = Running(command.spawn().unwrap());
    let lines = BufReader::new(program.0.stdout.take().unwrap()).lines();
    let (sender, printed) = mpsc::channel();
    let reader = thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let _ended = sender.send(line);
        }
    });

    drive(&mut bob, |bob, event| {
        let Event::ChatMessages { messages, .. } = event else {
            return false;
        };
        let said_hello = messages
            .iter()
            .any(|message| message.sender == USER && message.content.to_string() == "hello");
        if said_hello {
            publish(bob, "welcome");
        }
        said_hello
    });
    bob.flush();
    let expected = [
        "[lobby] the_first_program_talks: hello",
        "[lobby] bob: welcome",
    ];
    for expected in expected {
        // Between the lines of the test harness.
        while printed.recv_timeout(LONG).expect(expected) != expected {}
    }
    drop(program);
    reader.join().unwrap();
    bob.close(LONG);
    server.stop();
}
