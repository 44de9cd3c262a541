//! [`run`]: the steps of a load test: ramp up, idle, steady traffic, publish everywhere at once,
//! disconnect.

mod figures;
mod messages;
mod progress;

use crate::arguments::Options;
use crate::event_loop::EventLoop;
use crate::loopback;
use crate::population::{Population, Stage};
use crate::process;
use crate::report::{Report, Seconds};
use crate::server_side::{ServerFigures, ServerSide};
use crate::usage::UsageSample;
use chat_std_io::{ChatConfig, ConnectOptions, Restore, Session, SessionOptions, Timestamp};
use progress::{Progress, Total};
use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

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
/// process does not exist; the server sent the clients to another machine; or waiting for sockets
/// fails. Failures of single clients are in the report instead.
pub(crate) fn run(options: &Options, out: &mut dyn Write) -> Result<Report, Box<dyn Error>> {
    let files = check_open_files(options, process::open_files_limit())?;
    let server = ServerSide::new(options)?;
    let report = Run::new(options, &server, out)?.all_steps(files)?;
    server.stop()?;
    Ok(report)
}

/// The most sockets of clients that may be open at a time.
fn max_sockets(clients: usize) -> usize {
    clients + (clients + 2).min(MAX_SPARE_SOCKETS)
}

/// Returns the necessary limit of open files, or an error if the present limit is lower.
fn check_open_files(options: &Options, limit: Option<u64>) -> Result<usize, String> {
    let clients = options.clients;
    let mut needed = max_sockets(clients) + OTHER_FILES;
    if options.server.is_none() && options.is_stream() {
        // The server in this process has the other end of each.
        needed += max_sockets(clients);
    }
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
    server: &'a ServerSide,
    out: &'a mut dyn Write,
    event_loop: EventLoop,
    /// Shared by all sessions, so that they share the trusted roots too.
    session_options: SessionOptions,
    population: Population,
    report: Report,
    progress: Progress,
    /// The begin of the present step, and the resources that had been used by then.
    begin: Timestamp,
    usage_at_begin: UsageSample,
}

impl<'a> Run<'a> {
    fn new(
        options: &'a Options,
        server: &'a ServerSide,
        out: &'a mut dyn Write,
    ) -> Result<Self, Box<dyn Error>> {
        let event_loop = EventLoop::new(options.clients, options.driver)?;
        Ok(Self {
            options,
            server,
            out,
            begin: event_loop.now(),
            usage_at_begin: UsageSample::default(),
            progress: Progress::new(),
            event_loop,
            session_options: server.session_options()?,
            population: Population::new(options.channel_names(), options.restore, options.bytes),
            report: Report {
                clients: options.clients,
                ..Report::default()
            },
        })
    }

    fn all_steps(mut self, files: usize) -> Result<Report, Box<dyn Error>> {
        self.report_files(files)?;
        let before = self.sample_usage();
        self.ramp_up()?;
        if self.report.joined > 0 {
            self.be_idle()?;
            let counted = self.server.figures();
            self.traffic()?;
            self.wait_for_restore()?;
            self.publish_everywhere()?;
            self.note_server(counted);
            self.report_memory(&before)?;
            self.note_udp();
        }
        self.leave()?;
        self.note_processor(&before);
        Ok(self.report)
    }

    /// Creates the session of a user and makes it connect.
    fn session(&self, index: usize) -> Result<Session, Box<dyn Error>> {
        let options = self.options;
        let user = format!("load-{}-{index}", std::process::id());
        let config = ChatConfig::new(self.server.url(), options.app_id.as_str(), "1.0")
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
        let config = if options.owns_server {
            config
        } else {
            config.allowed_front_ends(loopback::front_ends(self.server.url()))
        };
        let config = if options.restore {
            config.restore(Restore::new().attempts(RESTORE_ATTEMPTS))
        } else {
            config
        };
        let mut session = Session::with_options(config, self.session_options.clone())?;
        session
            .chat
            .connect_to_name_server(ConnectOptions::new().region(options.region.as_str()))
            .map_err(|error| format!("--server {}: {error}", self.server.url()))?;
        Ok(session)
    }

    /// Starts clients evenly over the ramp time, until all have subscribed or failed.
    fn ramp_up(&mut self) -> Result<(), Box<dyn Error>> {
        let clients = self.options.clients;
        self.begin_step("ramp", Total::Joined);
        loop {
            while self.population.started() < clients
                && self.start_at() <= self.event_loop.now()
                && self.has_free_sockets()
            {
                let session = self.session(self.population.started())?;
                self.event_loop.add(session);
                self.population.start();
            }
            if let Some(error) = self.population.sent_elsewhere.take() {
                self.progress.clear();
                return Err(error.into());
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
            self.poll(wake)?;
        }
        let joined = self.population.count(Stage::Joined);
        self.report.joined = joined + self.population.count(Stage::Lost);
        let (took, begun) = (self.elapsed(), self.population.started());
        Ok(self.end_step(format_args!(
            "{joined} of {begun} joined after {} s",
            Seconds(took)
        ))?)
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
        if self.options.idle.is_zero() {
            return Ok(());
        }
        self.begin_step("idle", Total::Time(self.options.idle));
        let before = self.event_loop.counts();
        let end = self.begin.plus(self.options.idle);
        while self.event_loop.now() < end {
            self.poll(end)?;
        }
        let (took, counts) = (self.elapsed(), self.event_loop.counts());
        let rate = |now: u64, before: u64| (now - before) as f64 / took.as_secs_f64().max(0.001);
        self.end_step(format_args!(
            "{} connected after {} s, {} away, {} lost; each second {:.0} writes, {:.0} reads, {:.0} passes",
            self.population.count(Stage::Joined),
            Seconds(took),
            self.population.count(Stage::Away),
            self.population.count(Stage::Lost),
            rate(counts.writes, before.writes),
            rate(counts.reads, before.reads),
            rate(counts.passes, before.passes),
        ))
    }

    /// Waits for the clients that have lost the server and come back by themselves.
    fn wait_for_restore(&mut self) -> io::Result<()> {
        let away = self.population.count(Stage::Away);
        if away == 0 {
            return Ok(());
        }
        self.begin_step("restore", Total::Back(away));
        let end = self.begin.plus(RESTORE_TIMEOUT);
        while self.population.count(Stage::Away) > 0 && self.event_loop.now() < end {
            self.poll(end)?;
        }
        let back = away.saturating_sub(self.population.count(Stage::Away));
        let took = Seconds(self.elapsed());
        self.end_step(format_args!("{back} of {away} came back within {took} s"))
    }

    /// Disconnects all clients at a limited rate.
    fn leave(&mut self) -> io::Result<()> {
        self.begin_step("leave", Total::Left);
        let restores = self.options.restore;
        self.report.away = self.population.count(Stage::Away);
        for index in 0..self.population.started() {
            let after = Duration::from_secs(1) * index as u32 / DISCONNECTS_PER_SECOND;
            let at = self.begin.plus(after);
            while self.event_loop.now() < at {
                self.poll(at)?;
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
            self.poll(end)?;
        }
        self.note_restored();
        self.report.lost = self.population.count(Stage::Lost);
        self.report.left = self.population.count(Stage::Left);
        self.note_deliveries();
        self.report.causes = std::mem::take(&mut self.population.causes);
        let (left, took) = (self.report.left, Seconds(self.elapsed()));
        let sockets = self.event_loop.sockets();
        self.end_step(format_args!(
            "{left} disconnected after {took} s, {sockets} sockets still open"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dev_server::Transport;

    #[test]
    fn the_limit_of_open_files_is_checked() {
        let options = |clients, server: Option<&str>, transport| Options {
            clients,
            server: server.map(str::to_owned),
            transport,
            ..Options::new()
        };
        let udp = |clients| options(clients, None, Transport::Udp);
        assert_eq!(check_open_files(&udp(10_000), Some(11_032)), Ok(11_032));
        assert_eq!(check_open_files(&udp(10_000), None), Ok(11_032));
        assert_eq!(check_open_files(&udp(1), Some(1_024)), Ok(36));
        // A server in this process needs as many, except over UDP.
        let tcp = options(10_000, None, Transport::Tcp);
        assert_eq!(check_open_files(&tcp, None), Ok(22_032));
        let elsewhere = options(10_000, Some("tcp://127.0.0.1"), Transport::Udp);
        assert_eq!(check_open_files(&elsewhere, None), Ok(11_032));
        let error = check_open_files(&udp(10_000), Some(1_024)).unwrap_err();
        assert!(
            error.starts_with("10000 clients need `ulimit -n 11032`, this process has 1024: "),
            "{error}"
        );
    }
}
