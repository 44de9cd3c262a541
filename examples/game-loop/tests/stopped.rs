//! A server in a process that is stopped: the game must not feel it.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use common::Player;
use game_loop::Pace;
use game_loop::model::Phase;
use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};

/// The longest time that a `service` call may take.
const MOST: Duration = Duration::from_millis(5);
/// The time for which the server stays stopped after the client has noticed: attempts to connect
/// belong to it.
const AFTER_LOSS: Duration = Duration::from_secs(3);
const LIMIT: Duration = Duration::from_secs(60);

struct Server {
    process: Child,
    /// The server ends with its standard input.
    input: Option<ChildStdin>,
    udp: String,
    tcp: String,
}

impl Server {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_game-loop"))
            .arg("--serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let (udp, tcp) = line.trim().split_once(' ').unwrap();
        Self {
            input: process.stdin.take(),
            process,
            udp: udp.into(),
            tcp: tcp.into(),
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }
}

impl Drop for Server {
    /// Ends the server in its own way, so that it removes its files. It may be stopped still.
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.process), Signal::CONT);
        drop(self.input.take());
        let _ = self.process.wait();
    }
}

/// Calls of the chat's part of a frame, by what they cost.
#[derive(Debug, Default)]
struct Calls {
    count: u32,
    /// Calls in which the thread waited for something, and that took too long.
    blocked: Vec<Duration>,
    /// The most processor time of a call.
    most_busy: Duration,
}

impl Calls {
    /// Measures a call. Other programs may take the processor away for any time, so the clock on the wall
    /// counts only where the thread gave it up by itself: in a system call that waits.
    fn measure<R>(&mut self, call: impl FnOnce() -> R) -> R {
        let (begin, busy, waits) = (Instant::now(), busy(), waits());
        let result = call();
        let wall = begin.elapsed();
        self.most_busy = self.most_busy.max(busy_since(busy));
        if wall > MOST && self::waits() > waits {
            self.blocked.push(wall);
        }
        self.count += 1;
        result
    }
}

/// The processor time of this thread.
fn busy() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap(),
        time.tv_nsec.try_into().unwrap(),
    )
}

fn busy_since(begin: Duration) -> Duration {
    busy() - begin
}

/// The number of times that this thread has given up the processor by itself.
fn waits() -> u64 {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.unwrap().trim().parse().unwrap()
}

/// Plays at sixty frames a second until this is true, and measures the calls.
fn play(player: &mut Player, start: Instant, is_over: impl Fn(&Player) -> bool) -> Calls {
    let (mut calls, mut pace) = (Calls::default(), Pace::start());
    while !is_over(player) {
        let now = start.elapsed();
        assert!(now < LIMIT, "not within {LIMIT:?}: {:?}", player.game.link);
        player.intents(now);
        calls.measure(|| player.chat.frame(&mut player.game));
        pace.end_frame();
    }
    calls
}

fn no_call_blocks(server: &Server, url: &str) {
    let start = Instant::now();
    let mut player = Player::new("mia", url);
    // Walks all the time, so that there is something to send.
    player.input.direction = (0.3, 1.0);
    play(&mut player, start, |player| {
        player.game.link.phase == Phase::Connected
    });
    server.signal(Signal::STOP);
    let calls = play(&mut player, start, |player| {
        let lost_at = player.game.link.lost_at;
        lost_at.is_some_and(|at| player.game.now > at + AFTER_LOSS)
    });
    println!("{url}: {calls:?}");
    assert!(calls.count > 100, "{calls:?}");
    assert!(calls.blocked.is_empty(), "{calls:?}");
    assert!(calls.most_busy < MOST, "{calls:?}");
    server.signal(Signal::CONT);
    play(&mut player, start, |player| {
        player.game.link.phase == Phase::Connected
    });
}

#[test]
fn no_service_call_takes_over_5_ms_while_the_server_is_stopped_over_udp() {
    let server = Server::start();
    no_call_blocks(&server, &server.udp);
}

#[test]
fn no_service_call_takes_over_5_ms_while_the_server_is_stopped_over_tcp() {
    let server = Server::start();
    no_call_blocks(&server, &server.tcp);
}
