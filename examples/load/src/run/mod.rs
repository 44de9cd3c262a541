//! [`run`]: the steps of a load test: ramp up, idle, publish once, measure memory, disconnect.

mod progress;

use crate::arguments::Options;
use crate::event_loop::EventLoop;
use crate::population::{Population, Stage};
use crate::process::{self, Process};
use crate::report::{Report, Restored, Seconds};
use chat_std_io::{
    ChatClient, ChatConfig, ConnectOptions, PublishOptions, Restore, Session, SessionOptions,
    Timestamp, Tls,
};
use progress::UsageSample;
use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

/// The longest wait for the message, longer than the requirement, so that late clients are counted.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// How many clients disconnect per second. The server's only UDP socket could not buffer a datagram
/// of every client at once.
const DISCONNECTS_PER_SECOND: u32 = 2_000;
/// The longest wait for the last disconnect.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest wait for clients that come back.
const RESTORE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a client tries to come back. The windows of the attempts together are longer than
/// [`RESTORE_TIMEOUT`], and a server that never starts ends the test.
const RESTORE_ATTEMPTS: u32 = 10;
/// The most sockets beyond one for each client: clients that change from the name server to the
/// front end have two.
const MAX_SPARE_SOCKETS: usize = 1_000;
/// Other open files: standard input and output, the poll, inherited ones.
const OTHER_FILES: usize = 32;
/// If so many clients fail before one succeeds, the server is not usable and the test ends.
const MAX_FAILED_AT_START: usize = 20;
/// The caps of each client's queues, in bytes; far above what a client needs here.
const CAP_BYTES: usize = 64 * 1024;

/// Performs all steps and prints the progress.
///
/// # Errors
/// The test cannot start: the limit of open files is too low, the address is wrong, or the server's
/// process does not exist; or waiting for sockets fails. Failures of single clients are in the
/// report instead.
pub(crate) fn run(options: &Options, out: &mut dyn Write) -> Result<Report, Box<dyn Error>> {
    let files = check_open_files(options.clients, process::open_files_limit())?;
    let mut run = Run::new(options, out)?;
    run.report_files(files)?;
    let before = run.sample_usage();
    run.ramp_up()?;
    if run.report.joined > 0 {
        run.be_idle()?;
        run.wait_for_restore()?;
        let idle = run.sample_usage();
        run.publish()?;
        run.report_memory(&before, &idle)?;
        run.report_udp()?;
    }
    run.leave()?;
    run.report_processor(&before)?;
    Ok(run.report)
}

/// The most sockets that may be open at a time.
fn max_sockets(clients: usize) -> usize {
    clients + (clients + 2).min(MAX_SPARE_SOCKETS)
}

/// Returns the necessary limit of open files, or an error if the present limit is lower.
fn check_open_files(clients: usize, limit: Option<u64>) -> Result<usize, String> {
    let needed = max_sockets(clients) + OTHER_FILES;
    match limit {
        Some(limit) if u64::try_from(needed).is_ok_and(|needed| needed > limit) => Err(format!(
            "{clients} clients need `ulimit -n {needed}`, this process has {limit}: raise the limit in the \
             shell that starts this program, or choose fewer --clients"
        )),
        _ => Ok(needed),
    }
}

struct Run<'a> {
    options: &'a Options,
    out: &'a mut dyn Write,
    event_loop: EventLoop,
    /// Shared by all sessions, so that they share the trusted roots too.
    session_options: SessionOptions,
    population: Population,
    report: Report,
    server: Option<Process>,
    /// The begin of the present step, and the resources that had been used by then.
    begin: Timestamp,
    usage_at_begin: UsageSample,
    next_line: Timestamp,
}

impl<'a> Run<'a> {
    fn new(options: &'a Options, out: &'a mut dyn Write) -> Result<Self, Box<dyn Error>> {
        let server = options.server_pid.map(Process::other);
        // If the usage of this process is unknown too, there is no /proc. A later line reports
        // that.
        if let (Some(server), Some(pid), Ok(_)) =
            (&server, options.server_pid, Process::own().usage())
        {
            server.usage().map_err(|error| {
                format!("--server-pid {pid}: {error}: give the id of the server's process, or omit the option")
            })?;
        }
        let event_loop = EventLoop::new(options.clients)?;
        Ok(Self {
            options,
            out,
            begin: event_loop.now(),
            usage_at_begin: UsageSample::default(),
            next_line: event_loop.now(),
            event_loop,
            session_options: session_options(options)?,
            population: Population::new(options.channel.clone(), options.restore),
            report: Report {
                clients: options.clients,
                ..Report::default()
            },
            server,
        })
    }

    /// Creates the session of a user and makes it connect.
    fn session(&self, index: usize) -> Result<Session, Box<dyn Error>> {
        let options = self.options;
        let user = format!("load-{}-{index}", std::process::id());
        let config = ChatConfig::new(&options.server, options.app_id.as_str(), "1.0")
            .user_id(user)
            .protocol(options.protocol)
            .crc(options.crc)
            // The application checks messages at once, so a cache would only need memory.
            .channel_cache_messages(0)
            .private_history(0)
            .outgoing_cap_bytes(CAP_BYTES)
            .incoming_cap_bytes(CAP_BYTES)
            .event_cap_bytes(CAP_BYTES)
            .presence_cap_bytes(CAP_BYTES)
            // The logs of ten thousand clients are rarely of use, and cost time.
            .log_level(options.log_level);
        let config = if options.restore {
            config.restore(Restore::new().attempts(RESTORE_ATTEMPTS))
        } else {
            config
        };
        let mut session = Session::with_options(config, self.session_options.clone())?;
        session
            .chat
            .connect_to_name_server(ConnectOptions::new().region(options.region.as_str()))
            .map_err(|error| format!("--server {}: {error}", options.server))?;
        Ok(session)
    }

    /// Starts clients evenly over the ramp time, until all have subscribed or failed.
    fn ramp_up(&mut self) -> Result<(), Box<dyn Error>> {
        let clients = self.options.clients;
        self.begin_step();
        loop {
            while self.population.started() < clients
                && self.start_at() <= self.event_loop.now()
                && self.has_free_sockets()
            {
                let session = self.session(self.population.started())?;
                self.event_loop.add(session);
                self.population.start();
            }
            if self.population.started() == clients && self.population.starting() == 0 {
                break;
            }
            if self.population.count(Stage::Failed) >= MAX_FAILED_AT_START
                && self.population.count(Stage::Joined) == 0
            {
                break;
            }
            let wake = if self.population.started() < clients && self.has_free_sockets() {
                self.start_at()
            } else {
                self.next_interval()
            };
            self.poll(wake, "ramp")?;
        }
        let joined = self.population.count(Stage::Joined);
        self.report.joined = joined + self.population.count(Stage::Lost);
        let (took, begun) = (self.elapsed(), self.population.started());
        writeln!(
            self.out,
            "ramp     {joined} of {begun} joined after {} s",
            Seconds(took)
        )?;
        Ok(self.report_step()?)
    }

    /// The time at which the next client starts.
    fn start_at(&self) -> Timestamp {
        let part = self.population.started() as f64 / self.options.clients.max(1) as f64;
        self.begin.plus(self.options.ramp.mul_f64(part))
    }

    /// Whether another client and all starting ones could each have two sockets.
    fn has_free_sockets(&self) -> bool {
        let sockets = self.event_loop.sockets() + 2 * self.population.starting() + 2;
        sockets <= max_sockets(self.options.clients)
    }

    fn be_idle(&mut self) -> io::Result<()> {
        self.begin_step();
        let before = self.event_loop.counts();
        let end = self.begin.plus(self.options.idle);
        while self.event_loop.now() < end {
            self.poll(end, "idle")?;
        }
        let (took, counts) = (self.elapsed(), self.event_loop.counts());
        let rate = |now: u64, before: u64| (now - before) as f64 / took.as_secs_f64().max(0.001);
        writeln!(
            self.out,
            "idle     {} connected after {} s, {} away, {} lost; each second {:.0} writes, {:.0} reads, {:.0} passes",
            self.population.count(Stage::Joined),
            Seconds(took),
            self.population.count(Stage::Away),
            self.population.count(Stage::Lost),
            rate(counts.writes, before.writes),
            rate(counts.reads, before.reads),
            rate(counts.passes, before.passes),
        )?;
        self.report_step()
    }

    /// Waits for the clients that have lost the server and come back by themselves.
    fn wait_for_restore(&mut self) -> io::Result<()> {
        let away = self.population.count(Stage::Away);
        if away == 0 {
            return Ok(());
        }
        self.begin_step();
        let end = self.begin.plus(RESTORE_TIMEOUT);
        while self.population.count(Stage::Away) > 0 && self.event_loop.now() < end {
            self.poll(end, "restore")?;
        }
        writeln!(
            self.out,
            "restore  {} of {away} came back within {} s",
            away.saturating_sub(self.population.count(Stage::Away)),
            Seconds(self.elapsed())
        )?;
        self.report_step()
    }

    /// What all clients did to come back, if they do.
    fn restored(&self) -> Option<Restored> {
        if !self.options.restore {
            return None;
        }
        let mut sum = Restored {
            restores: self.population.restores_done,
            ..Restored::default()
        };
        for stats in self.event_loop.clients().map(ChatClient::stats) {
            sum.attempts += stats.reconnect_attempts;
            sum.gaps += stats.gaps;
            sum.missing += stats.missing_messages;
        }
        Some(sum)
    }

    /// One client publishes a message; waits until all clients have received it.
    fn publish(&mut self) -> io::Result<()> {
        let Some(publisher) = self.population.first_joined() else {
            return writeln!(self.out, "publish  skipped: no client is subscribed");
        };
        self.begin_step();
        let message = format!("message of load test {}", std::process::id());
        let options = PublishOptions::new();
        if let Some(session) = self.event_loop.session(publisher)
            && let Err(error) =
                session
                    .chat
                    .publish_message(&self.options.channel, message.as_str(), &options)
        {
            self.population
                .note(publisher, &format!("publishing: {error}"));
        }
        self.population.expect_message(message);
        let end = self.begin.plus(DELIVERY_TIMEOUT);
        // The history brings it to those who come back.
        while self.population.received
            < self.population.count(Stage::Joined) + self.population.count(Stage::Away)
            && self.event_loop.now() < end
        {
            self.poll(end, "publish")?;
        }
        let times = self.population.receive_times();
        let after =
            |time: Option<&Timestamp>| time.map_or(Duration::ZERO, |at| at.since(self.begin));
        let part = |percent: usize| {
            Seconds(after(
                times.get((times.len() * percent / 100).min(times.len() - 1)),
            ))
        };
        self.report.last_received = (!times.is_empty()).then(|| after(times.last()));
        if times.is_empty() {
            writeln!(
                self.out,
                "publish  no client received it within {} s",
                Seconds(DELIVERY_TIMEOUT)
            )?;
        } else {
            let (received, joined) = (
                self.population.received,
                self.population.count(Stage::Joined),
            );
            writeln!(
                self.out,
                "publish  {received} of {joined} received it: the first after {} s, half of them after \
                 {} s, 99 % after {} s, the last after {} s",
                part(0),
                part(50),
                part(99),
                part(100)
            )?;
        }
        self.report_step()
    }

    /// Disconnects all clients at a limited rate.
    fn leave(&mut self) -> io::Result<()> {
        self.begin_step();
        let restores = self.options.restore;
        self.report.away = self.population.count(Stage::Away);
        for index in 0..self.population.started() {
            let after = Duration::from_secs(1) * index as u32 / DISCONNECTS_PER_SECOND;
            let at = self.begin.plus(after);
            while self.event_loop.now() < at {
                self.poll(at, "leave")?;
            }
            if let Some(session) = self
                .event_loop
                .session(index)
                // Those who are away do not come back any more.
                .filter(|session| restores || session.chat.is_connected_to_front_end())
            {
                session.chat.disconnect();
            }
        }
        let end = self.event_loop.now().plus(DISCONNECT_TIMEOUT);
        let all = self.report.joined;
        while self.event_loop.now() < end
            && (self.event_loop.sockets() > 0
                || self.population.count(Stage::Left) + self.population.count(Stage::Lost) < all)
        {
            self.poll(end, "leave")?;
        }
        self.report.in_gap = self.population.in_gap;
        self.report.restored = self.restored();
        self.report.lost = self.population.count(Stage::Lost);
        self.report.left = self.population.count(Stage::Left);
        self.report.received = self.population.received;
        self.report.duplicates = self.population.duplicates;
        self.report.causes = std::mem::take(&mut self.population.causes);
        writeln!(
            self.out,
            "leave    {} disconnected after {} s, {} sockets still open",
            self.report.left,
            Seconds(self.elapsed()),
            self.event_loop.sockets()
        )?;
        self.report_step()
    }
}

fn session_options(options: &Options) -> Result<SessionOptions, Box<dyn Error>> {
    let Some(root) = &options.root else {
        return Ok(SessionOptions::new());
    };
    let error = |error: &dyn std::fmt::Display| format!("--root {root}: {error}");
    let certificate = std::fs::read(root).map_err(|io| error(&io))?;
    let tls = Tls::with_root(&certificate).map_err(|tls| error(&tls))?;
    Ok(SessionOptions::new().tls(tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_is_checked() {
        assert_eq!(check_open_files(10_000, Some(11_032)), Ok(11_032));
        assert_eq!(check_open_files(10_000, None), Ok(11_032));
        assert_eq!(check_open_files(1, Some(1_024)), Ok(36));
        let error = check_open_files(10_000, Some(1_024)).unwrap_err();
        assert!(
            error.starts_with("10000 clients need `ulimit -n 11032`, this process has 1024: "),
            "{error}"
        );
    }
}
