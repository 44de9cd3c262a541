//! `photon-restarts`: a conversation over real sockets whose server is killed and started again.

mod member;
mod server;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lexopt::{Arg, Parser};
use member::Member;
use server::Server;

const NAME: &str = "photon-restarts";

const HELP: &str = "\
Lets clients on four transports talk in one channel of photon-dev-server, kills the server (kill -9)
and starts it again, several times with its state and several times without. The clients come back by
themselves. Prints figures, and checks that no client receives a message twice or out of order, that
all of them receive everything after the last restart, and that every message has one result.

Usage: photon-restarts [--server PROGRAM] [--clients N] [--rounds N]

Options:
  --server PROGRAM  photon-dev-server (default: beside this program)
  --clients N       how many clients (default 50)
  --rounds N        how many restarts of each kind (default 3)
  -h, --help        print this text
  -V, --version     print name and version

Exit status: 0 all checks passed; 1 one failed, or the server did not start; 64 wrong arguments.
";

const VERSION: &str = concat!("photon-restarts ", env!("CARGO_PKG_VERSION"), "\n");

/// The time between two restarts in which the clients talk.
const TALK: Duration = Duration::from_secs(6);
/// The time for which the server is gone.
const DOWN: Duration = Duration::from_millis(1_500);
/// The longest time for all clients to come back. Over UDP a client needs up to 10 s to notice.
const BACK: Duration = Duration::from_secs(90);
/// The time for the last messages to arrive.
const SETTLE: Duration = Duration::from_secs(8);
/// The time between two messages of all clients together.
const PACE: Duration = Duration::from_millis(100);
/// A pause in the loop: no client needs to be faster.
const NAP: Duration = Duration::from_millis(2);

struct Options {
    server: std::path::PathBuf,
    clients: usize,
    rounds: usize,
}

fn main() -> ExitCode {
    let options = match parse() {
        Ok(Ok(options)) => options,
        Ok(Err(text)) => return command_line::print(NAME, text),
        Err(error) => return command_line::usage_error(NAME, error),
    };
    for with_state in [true, false] {
        match run(&options, with_state) {
            Ok(()) => {}
            Err(error) => {
                eprintln!("{NAME}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn parse() -> Result<Result<Options, &'static str>, String> {
    let mut parser = Parser::from_env();
    let beside = std::env::current_exe().ok();
    let beside = beside.map(|program| program.with_file_name("photon-dev-server"));
    let mut options = Options {
        server: beside.unwrap_or_default(),
        clients: 50,
        rounds: 3,
    };
    const COUNT: &str = "a number";
    while let Some(argument) = command_line::next(&mut parser)? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Err(HELP)),
            Arg::Short('V') | Arg::Long("version") => return Ok(Err(VERSION)),
            Arg::Long("server") => {
                let value = parser.value();
                options.server = value.map_err(|error| error.to_string())?.into();
            }
            Arg::Long("clients") => {
                options.clients = command_line::number(&mut parser, "clients", COUNT)?;
            }
            Arg::Long("rounds") => {
                options.rounds = command_line::number(&mut parser, "rounds", COUNT)?;
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    Ok(Ok(options))
}

fn run(options: &Options, with_state: bool) -> Result<(), Box<dyn Error>> {
    let mut server = Server::start(&options.server, with_state)?;
    let mut members = Vec::new();
    for number in 0..options.clients {
        members.push(Member::connect(number, &server)?);
    }
    let mut talk = Talk::default();
    let began = Instant::now();
    talk.drive_until(&mut members, BACK, Member::is_in)?;
    println!(
        "{} clients are in, after {:.1} s",
        members.len(),
        began.elapsed().as_secs_f32()
    );
    for round in 1..=options.rounds {
        talk.drive(&mut members, TALK, true);
        server.kill()?;
        talk.drive(&mut members, DOWN, true);
        server.start_again()?;
        let began = Instant::now();
        for member in &mut members {
            member.expect_restore();
        }
        talk.drive_until(&mut members, BACK, Member::is_restored)?;
        let state = if with_state { "with" } else { "without" };
        println!(
            "restart {round} {state} state: all are back after {:.1} s",
            began.elapsed().as_secs_f32()
        );
    }
    for member in &mut members {
        member.begin_last_part();
    }
    talk.drive(&mut members, TALK, true);
    talk.drive(&mut members, SETTLE, false);
    let last: Vec<String> = members.iter().flat_map(Member::last_part).collect();
    let mut total = member::Figures::default();
    for member in &mut members {
        total.add(&member.judge(&last)?);
    }
    println!("{total}");
    Ok(())
}

/// The clients take turns to publish.
#[derive(Default)]
struct Talk {
    next: usize,
    last: Option<Instant>,
}

impl Talk {
    fn step(&mut self, members: &mut [Member], talks: bool) {
        if talks && self.last.is_none_or(|last| last.elapsed() >= PACE) {
            self.last = Some(Instant::now());
            self.next = (self.next + 1) % members.len().max(1);
            if let Some(member) = members.get_mut(self.next) {
                member.publish();
            }
        }
        for member in members {
            member.service();
        }
        std::thread::sleep(NAP);
    }

    fn drive(&mut self, members: &mut [Member], time: Duration, talks: bool) {
        let began = Instant::now();
        while began.elapsed() < time {
            self.step(members, talks);
        }
    }

    fn drive_until(
        &mut self,
        members: &mut [Member],
        most: Duration,
        is_done: fn(&Member) -> bool,
    ) -> Result<(), String> {
        let began = Instant::now();
        while !members.iter().all(is_done) {
            if began.elapsed() > most {
                let late = members.iter().find(|member| !is_done(member));
                let late = late.map(Member::describe).unwrap_or_default();
                return Err(format!("not all clients are back after {most:?}: {late}"));
            }
            self.step(members, true);
        }
        Ok(())
    }
}
