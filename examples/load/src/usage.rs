//! [`Used`]: processor time and memory of both sides.

use crate::process::{Process, Usage};
use std::fmt::{self, Display, Formatter};

/// The resources that both sides have used so far; `None` where that is unknown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UsageSample {
    pub(crate) clients: Option<Usage>,
    pub(crate) server: Option<Usage>,
}

impl UsageSample {
    /// Samples this process and the server's process, or its thread in this one.
    pub(crate) fn take(server: Option<&Process>) -> Self {
        let mut clients = Process::own().usage().ok();
        let usage = server.and_then(|server| server.usage().ok());
        if let (Some(clients), Some(thread)) = (&mut clients, usage)
            && thread.resident_bytes.is_none()
        {
            // The server is a thread of this process.
            clients.processor_s = (clients.processor_s - thread.processor_s).max(0.0);
        }
        Self {
            clients,
            server: usage,
        }
    }

    /// The processor time of both sides since an earlier sample, in seconds.
    pub(crate) fn processor_since(&self, earlier: &Self) -> (Option<f64>, Option<f64>) {
        let since = |now: Option<Usage>, then: Option<Usage>| {
            Some((now?.processor_s - then?.processor_s).max(0.0))
        };
        (
            since(self.clients, earlier.clients),
            since(self.server, earlier.server),
        )
    }
}

/// What a run used; `None` where that is unknown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    /// Processor time of the whole run, in seconds.
    pub(crate) clients_processor_s: Option<f64>,
    pub(crate) server_processor_s: Option<f64>,
    /// Processor time of the step `traffic`, in seconds.
    pub(crate) clients_traffic_s: Option<f64>,
    pub(crate) server_traffic_s: Option<f64>,
    /// Resident memory while all clients are connected, and what it was before, in bytes. That of the
    /// clients includes a server in this process.
    pub(crate) clients_memory: Option<Growth>,
    pub(crate) server_memory: Option<Growth>,
}

/// The growth of a process between two samples, in total and for each client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Growth {
    pub(crate) before_bytes: u64,
    pub(crate) after_bytes: u64,
    pub(crate) clients: usize,
}

impl Growth {
    /// The growth between two samples of one side, where its memory is known.
    pub(crate) fn between(
        before: Option<Usage>,
        after: Option<Usage>,
        clients: usize,
    ) -> Option<Self> {
        Some(Self {
            before_bytes: before?.resident_bytes?,
            after_bytes: after?.resident_bytes?,
            clients,
        })
    }

    /// The growth of resident memory per client, in bytes.
    pub(crate) fn bytes_per_client(&self) -> u64 {
        let clients = u64::try_from(self.clients).unwrap_or(u64::MAX);
        self.after_bytes
            .saturating_sub(self.before_bytes)
            .checked_div(clients)
            .unwrap_or_default()
    }
}

impl Display for Growth {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} KiB resident, {} KiB before: {} bytes per client",
            self.after_bytes / 1024,
            self.before_bytes / 1024,
            self.bytes_per_client()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_divided_by_the_number_of_clients() {
        let usage = |bytes| {
            Some(Usage {
                resident_bytes: Some(bytes),
                processor_s: 0.0,
            })
        };
        let growth = |clients| Growth::between(usage(1_000), usage(21_480), clients).unwrap();
        assert_eq!(growth(10).bytes_per_client(), 2_048);
        assert_eq!(growth(0).bytes_per_client(), 0);
        assert_eq!(Growth::between(None, usage(1), 1), None);
    }

    #[test]
    fn a_server_in_a_thread_of_this_process_is_not_counted_twice() {
        let Ok(thread) = Process::this_thread() else {
            return;
        };
        let sample = UsageSample::take(Some(&thread));
        let whole = Process::own().usage().unwrap().processor_s;
        let (clients, server) = (sample.clients.unwrap(), sample.server.unwrap());
        assert!(clients.processor_s + server.processor_s <= whole + 0.05);
        assert_eq!(server.resident_bytes, None);
    }
}
