//! The steps of a run: ramp up, be idle, publish once, look at the memory, leave.

mod progress;

use crate::arguments::Options;
use crate::event_loop::EventLoop;
use crate::population::{Population, Stage};
use crate::process::{self, Process};
use crate::report::{Report, Seconds};
use chat_core::{ChatClient, ChatConfig, ConnectOptions, PublishOptions, Timestamp};
use progress::{UsageSample, plus};
use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

/// Whoever has not heard the message by then does not hear it.
const HEARING: Duration = Duration::from_secs(30);
/// How many leave in a second: the server's one socket for datagrams has no room for a word from everybody.
const LEAVING_PER_SECOND: u32 = 2_000;
/// How long leaving may take for the last one.
const LEAVING: Duration = Duration::from_secs(5);
/// Sockets beyond one for each client, for those on the way from name server to front end.
const MAX_SPARE_SOCKETS: usize = 1_000;
/// Other files that are open: standard input and output, the poll, what was inherited.
const OTHER_FILES: usize = 32;
/// If so many fail before anybody succeeds, there is no server to speak of.
const HOPELESS: usize = 20;
/// What one client may keep of what it sends or is sent, in bytes. None needs nearly as much here.
const CAP_BYTES: usize = 64 * 1024;

/// Plays all steps, and tells about them as they go.
///
/// # Errors
/// If there is nothing to begin with: too few open files, an address that cannot be used, no such process to look at;
/// or if the system does not let sockets be waited for. What happens to single clients is in the report instead.
pub(crate) fn run(options: &Options, out: &mut dyn Write) -> Result<Report, Box<dyn Error>> {
    let files = check_open_files(options.clients, process::open_files_limit())?;
    let mut run = Run::new(options, out)?;
    run.report_files(files)?;
    let before = run.sample_usage();
    run.ramp_up()?;
    if run.report.joined > 0 {
        run.be_idle()?;
        let idle = run.sample_usage();
        run.publish()?;
        run.report_memory(&before, &idle)?;
        run.report_udp()?;
    }
    run.leave()?;
    run.report_processor(&before)?;
    Ok(run.report)
}

/// How many sockets may be open at one time: one for each client, and a second one for those who change servers.
fn max_sockets(clients: usize) -> usize {
    clients + (clients + 2).min(MAX_SPARE_SOCKETS)
}

/// How many files may have to be open, which is told, or why that does not fit.
fn check_open_files(clients: usize, limit: Option<u64>) -> Result<usize, String> {
    let needed = max_sockets(clients) + OTHER_FILES;
    match limit {
        Some(limit) if u64::try_from(needed).is_ok_and(|needed| needed > limit) => Err(format!(
            "{clients} clients need `ulimit -n {needed}`, this process has {limit}: raise it in the shell that starts \
             this program, or choose fewer --clients"
        )),
        _ => Ok(needed),
    }
}

struct Run<'a> {
    options: &'a Options,
    out: &'a mut dyn Write,
    event_loop: EventLoop,
    population: Population,
    report: Report,
    server: Option<Process>,
    /// When the present step began, and what both processes had taken by then.
    begin: Timestamp,
    usage_at_begin: UsageSample,
    next_line: Timestamp,
}

impl<'a> Run<'a> {
    fn new(options: &'a Options, out: &'a mut dyn Write) -> Result<Self, Box<dyn Error>> {
        let server = options.server_pid.map(Process::other);
        // Where nothing is known of this process either, there is no /proc, and that is said later.
        if let (Some(server), Some(pid), Ok(_)) =
            (&server, options.server_pid, Process::own().usage())
        {
            server.usage().map_err(|error| {
                format!("--server-pid {pid}: {error}: give the id of the server's process, or leave it out")
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
            population: Population::new(options.channel.clone()),
            report: Report {
                clients: options.clients,
                ..Report::default()
            },
            server,
        })
    }

    /// The client of one user, which has not been called yet.
    fn client(&self, index: usize) -> Result<ChatClient, Box<dyn Error>> {
        let options = self.options;
        let user = format!("load-{}-{index}", std::process::id());
        let config = ChatConfig::new(&options.server, options.app_id.as_str(), "1.0")
            .user_id(user)
            .protocol(options.protocol)
            .crc(options.crc)
            // What is said is heard here and not kept.
            .channel_cache_messages(0)
            .private_history(0)
            .outgoing_cap_bytes(CAP_BYTES)
            .incoming_cap_bytes(CAP_BYTES)
            .event_cap_bytes(CAP_BYTES)
            .presence_cap_bytes(CAP_BYTES)
            // Ten thousand clients have nothing to say for themselves.
            .log_level(log::LevelFilter::Off);
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        let mut chat = ChatClient::new(config, seed);
        chat.connect_to_name_server(ConnectOptions::new().region(options.region.as_str()))
            .map_err(|error| format!("--server {}: {error}", options.server))?;
        Ok(chat)
    }

    /// Starts clients evenly, until all are in the channel or have failed.
    fn ramp_up(&mut self) -> Result<(), Box<dyn Error>> {
        let clients = self.options.clients;
        self.begin_step();
        loop {
            while self.population.started() < clients
                && self.start_at() <= self.event_loop.now()
                && self.has_room()
            {
                let chat = self.client(self.population.started())?;
                self.event_loop.add(chat);
                self.population.start();
                self.event_loop.client(self.population.started() - 1);
            }
            if self.population.started() == clients && self.population.under_way() == 0 {
                break;
            }
            if self.population.count(Stage::Failed) >= HOPELESS
                && self.population.count(Stage::Joined) == 0
            {
                break;
            }
            let wake = if self.population.started() < clients && self.has_room() {
                self.start_at()
            } else {
                self.far()
            };
            self.turn(wake, "ramp")?;
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

    /// When the next client is to start.
    fn start_at(&self) -> Timestamp {
        let part = self.population.started() as f64 / self.options.clients.max(1) as f64;
        plus(self.begin, self.options.ramp.mul_f64(part))
    }

    /// Whether another client could have both its sockets, and everybody under way too.
    fn has_room(&self) -> bool {
        let sockets = self.event_loop.counts().sockets + 2 * self.population.under_way() + 2;
        sockets <= max_sockets(self.options.clients)
    }

    fn be_idle(&mut self) -> io::Result<()> {
        self.begin_step();
        let before = self.event_loop.counts();
        let end = plus(self.begin, self.options.idle);
        while self.event_loop.now() < end {
            self.turn(end, "idle")?;
        }
        let (took, counts) = (self.elapsed(), self.event_loop.counts());
        let rate = |now: u64, before: u64| (now - before) as f64 / took.as_secs_f64().max(0.001);
        writeln!(
            self.out,
            "idle     {} connected after {} s, {} lost; each second {:.0} sent, {:.0} received, {:.0} passes",
            self.population.count(Stage::Joined),
            Seconds(took),
            self.population.count(Stage::Lost),
            rate(counts.traffic.sent, before.traffic.sent),
            rate(counts.traffic.received, before.traffic.received),
            rate(counts.passes, before.passes),
        )?;
        self.report_step()
    }

    /// One publishes, all hear it.
    fn publish(&mut self) -> io::Result<()> {
        let Some(speaker) = self.population.first_joined() else {
            return writeln!(self.out, "publish  nobody is there to do it");
        };
        self.begin_step();
        let message = format!("does everybody hear {}?", std::process::id());
        let options = PublishOptions::new();
        if let Some(chat) = self.event_loop.client(speaker)
            && let Err(error) =
                chat.publish_message(&self.options.channel, message.as_str(), &options)
        {
            self.population
                .note(speaker, &format!("publishing: {error}"));
        }
        self.population.listen_for(message);
        let end = plus(self.begin, HEARING);
        while self.population.heard < self.population.count(Stage::Joined)
            && self.event_loop.now() < end
        {
            self.turn(end, "publish")?;
        }
        let times = self.population.hearing_times();
        let after = |time: Option<&Timestamp>| {
            time.map_or(Duration::ZERO, |at| {
                Duration::from_micros(at.micros_since(self.begin))
            })
        };
        let part = |percent: usize| {
            Seconds(after(
                times.get((times.len() * percent / 100).min(times.len() - 1)),
            ))
        };
        self.report.last_heard = (!times.is_empty()).then(|| after(times.last()));
        if times.is_empty() {
            writeln!(
                self.out,
                "publish  nobody heard it within {} s",
                Seconds(HEARING)
            )?;
        } else {
            let (heard, joined) = (self.population.heard, self.population.count(Stage::Joined));
            writeln!(
                self.out,
                "publish  {heard} of {joined} heard it: the first after {} s, half after {} s, 99 % after {} s, the \
                 last after {} s",
                part(0),
                part(50),
                part(99),
                part(100)
            )?;
        }
        self.report_step()
    }

    /// Everybody disconnects, a few after the other.
    fn leave(&mut self) -> io::Result<()> {
        self.begin_step();
        for index in 0..self.population.started() {
            let at = plus(
                self.begin,
                Duration::from_secs(1) * index as u32 / LEAVING_PER_SECOND,
            );
            while self.event_loop.now() < at {
                self.turn(at, "leave")?;
            }
            if let Some(chat) = self
                .event_loop
                .client(index)
                .filter(|chat| chat.is_connected_to_front_end())
            {
                chat.disconnect();
            }
        }
        let end = plus(self.event_loop.now(), LEAVING);
        let all = self.report.joined;
        while self.event_loop.now() < end
            && (self.event_loop.counts().sockets > 0
                || self.population.count(Stage::Left) + self.population.count(Stage::Lost) < all)
        {
            self.turn(end, "leave")?;
        }
        self.report.lost = self.population.count(Stage::Lost);
        self.report.left = self.population.count(Stage::Left);
        self.report.heard = self.population.heard;
        self.report.heard_again = self.population.heard_again;
        self.report.causes = std::mem::take(&mut self.population.causes);
        writeln!(
            self.out,
            "leave    {} left after {} s, {} sockets still open",
            self.report.left,
            Seconds(self.elapsed()),
            self.event_loop.counts().sockets
        )?;
        self.report_step()
    }
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
