//! Memory and processor time of a process, and its limit of open files, from `/proc` where it
//! exists.

use std::fs;
use std::io;

/// The unit of processor time in `/proc`: `USER_HZ`, which is 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process, or a thread of this one.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    directory: String,
    is_thread: bool,
}

/// The resources that a process has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// Resident memory, in bytes; `None` for a thread, which has none of its own.
    pub(crate) resident_bytes: Option<u64>,
    /// Processor time, in seconds.
    pub(crate) processor_s: f64,
}

impl Process {
    /// This process.
    pub(crate) fn own() -> Self {
        Self::at("/proc/self".to_owned())
    }

    /// The thread that calls this.
    ///
    /// # Errors
    /// [`io::Error`] if there is no `/proc`.
    pub(crate) fn this_thread() -> io::Result<Self> {
        // Its target is `PID/task/TID`.
        let path = fs::read_link("/proc/thread-self")?;
        Ok(Self {
            directory: format!("/proc/{}", path.display()),
            is_thread: true,
        })
    }

    /// Another process.
    pub(crate) fn other(pid: u32) -> Self {
        Self::at(format!("/proc/{pid}"))
    }

    fn at(directory: String) -> Self {
        Self {
            directory,
            is_thread: false,
        }
    }

    /// The resources that it has used so far.
    ///
    /// # Errors
    /// [`io::Error`] if there is no such process or no `/proc`.
    pub(crate) fn usage(&self) -> io::Result<Usage> {
        let stat = fs::read_to_string(format!("{}/stat", self.directory))?;
        let unknown = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "its numbers have an unknown format",
            )
        };
        let resident_bytes = if self.is_thread {
            None
        } else {
            let status = fs::read_to_string(format!("{}/status", self.directory))?;
            Some(resident_bytes(&status).ok_or_else(unknown)?)
        };
        Ok(Usage {
            resident_bytes,
            processor_s: processor_s(&stat).ok_or_else(unknown)?,
        })
    }
}

/// The limit of open files of this process; `None` if it is unknown or unlimited.
pub(crate) fn open_files_limit() -> Option<u64> {
    soft_limit(&fs::read_to_string("/proc/self/limits").ok()?)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()?
        .checked_mul(1024)
}

/// User and system time, which are fields 14 and 15. Field 2, the name, is in parentheses and may
/// contain spaces and parentheses.
fn processor_s(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields
        .next()?
        .parse::<u32>()
        .ok()?
        .checked_add(fields.next()?.parse().ok()?)?;
    Some(f64::from(ticks) / TICKS_PER_SECOND)
}

fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_parsed() {
        assert_eq!(
            resident_bytes("Name:\tx\nVmHWM:\t  20 kB\nVmRSS:\t   1234 kB\n"),
            Some(1234 * 1024)
        );
        assert_eq!(resident_bytes("Name:\tx\n"), None);
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 90 0 0 0 250 50 3 4 20 0 1 0 100 1000 10";
        assert_eq!(processor_s(stat), Some(3.0));
        assert_eq!(processor_s("7"), None);
        let limits = "Limit     Soft Limit   Hard Limit   Units\nMax open files            1024     524288    files\n";
        assert_eq!(soft_limit(limits), Some(1024));
        assert_eq!(
            soft_limit("Max open files            unlimited  unlimited    files\n"),
            None
        );
    }

    #[test]
    fn usage_of_this_process_is_known_on_linux() {
        if cfg!(target_os = "linux") {
            assert!(
                Process::own()
                    .usage()
                    .is_ok_and(|usage| usage.resident_bytes > Some(0))
            );
            let thread = Process::this_thread().unwrap().usage().unwrap();
            assert_eq!(thread.resident_bytes, None);
            assert!(Process::other(std::process::id()).usage().is_ok());
            assert!(Process::other(u32::MAX).usage().is_err());
        }
    }
}
